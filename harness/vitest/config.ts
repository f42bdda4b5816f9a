import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProjectInlineConfiguration } from 'vitest/config'
import { UsageError } from '../errors.ts'
import { loadConfig } from '../options/load-config.ts'
import { nearestOf } from '../options/nearest.ts'
import type { ConfigFile } from '../options/resolve.ts'

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

export interface SmokeProjectOptions {
  /** The folder that holds `suites/`. */
  readonly root: string
  /** The suite that runs when SMOKE_SUITE names none. */
  readonly defaultSuite: string
  readonly env: NodeJS.ProcessEnv
  /** What was typed after `vitest`, the process's own by default: a filter that means no lane is refused. */
  readonly argv?: readonly string[]
  /** Global setups whose teardown must run after the sandbox is gone: reports that tell what was left. */
  readonly globalSetup?: readonly string[]
}

/** smoke.config.ts as it was read, or why it could not be: the global setup says so, before anything is made. */
export interface LoadedConfig {
  readonly file?: ConfigFile
  readonly problem?: { readonly what: string; readonly remedy: string }
}

declare module 'vitest' {
  export interface ProvidedContext {
    smokeDefaultSuite: string
    smokeConfig: LoadedConfig
  }
}

/** The vitest project that runs the lanes of one suite in `<root>/suites/`, with the options of `<root>/smoke.config.ts`. */
export async function smokeProject({ root, defaultSuite, env, argv = process.argv.slice(2), globalSetup = [] }: SmokeProjectOptions): Promise<TestProjectInlineConfiguration> {
  const smokeConfig = await readConfig(root)
  const suite = suiteAsked(env, smokeConfig.file) ?? defaultSuite
  // An unknown suite must reach the global setup, which says what is wrong with it.
  const folder = existsSync(join(root, 'suites', suite, 'suite.ts')) ? suite : '*'
  const stray = folder === suite ? await strayFilter(argv, suite, join(root, 'suites', suite)) : undefined
  if (stray !== undefined) {
    process.stderr.write(`\nclone-smoke: ${stray.message}\n`)
    process.exit(stray.exitCode)
  }
  return {
    root,
    test: {
      name: 'smoke',
      provide: { smokeDefaultSuite: defaultSuite, smokeConfig },
      include: [`suites/${folder}/*.smoke.ts`],
      // Teardowns run in reverse order: the harness's first.
      globalSetup: [...globalSetup, here('global-setup.ts')],
      setupFiles: [here('worker-setup.ts')],
      // One worker and one module graph for all lanes: they share the sandbox's state.
      isolate: false,
      fileParallelism: false,
      maxWorkers: 1,
      sequence: { groupOrder: 0 },
    },
  }
}

/** What is wrong when a filter means no lane: vitest would run what the others mean, and not say a word. */
export async function strayFilter(argv: readonly string[], suite: string, folder: string): Promise<UsageError | undefined> {
  const lanes = readdirSync(folder).flatMap((file) => /^(.+)\.smoke\.ts$/.exec(file)?.[1] ?? [])
  // As vitest compares: a part of the path, whatever its case.
  const meansLane = (word: string): boolean => lanes.some((lane) => `/${lane}.smoke.ts`.toLowerCase().includes(word.toLowerCase()))
  const stray = (await filtersIn(argv)).find((word) => /^\/?[\w-]+\.smoke(?:\.ts)?$/i.test(word) && !meansLane(word))
  if (stray === undefined) return undefined
  const nearest = nearestOf(stray.replace(/^\/|\.smoke(?:\.ts)?$/gi, ''), lanes)
  return new UsageError(`suite ${suite} has no lane for the filter ${JSON.stringify(stray)}`, nearest === undefined ? `lanes: ${lanes.join(', ')}` : `did you mean ${nearest}.smoke?`)
}

/** Only vitest knows which words are values of its flags. Where the program is another one, what was typed has no filters. */
async function filtersIn(argv: readonly string[]): Promise<readonly string[]> {
  if (!argv.some((word) => /\.smoke(?:\.ts)?$/i.test(word))) return []
  const { parseCLI } = await import('vitest/node')
  try {
    return parseCLI(['vitest', ...argv]).filter
  } catch {
    return []
  }
}

async function readConfig(root: string): Promise<LoadedConfig> {
  try {
    const file = await loadConfig(root)
    // It crosses a process border: plain data only.
    return file ? { file: { ...file, config: JSON.parse(JSON.stringify(file.config ?? null)) as unknown } } : {}
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return { problem: { what: error.what, remedy: error.remedy } }
  }
}

/** As it stands there; whether it fits is for the global setup to say. */
function suiteAsked(env: NodeJS.ProcessEnv, file: ConfigFile | undefined): string | undefined {
  const asked = env.SMOKE_SUITE ?? ''
  if (asked !== '') return asked
  const configured = (file?.config as { suite?: unknown } | undefined)?.suite
  return typeof configured === 'string' ? configured : undefined
}
