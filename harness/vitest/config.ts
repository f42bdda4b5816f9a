import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProjectInlineConfiguration } from 'vitest/config'

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

export interface SmokeProjectOptions {
  /** The folder that holds `suites/`. */
  readonly root: string
  /** The suite that runs when SMOKE_SUITE names none. */
  readonly defaultSuite: string
  readonly env: NodeJS.ProcessEnv
  /** Global setups whose teardown must run after the sandbox is gone: reports that tell what was left. */
  readonly globalSetup?: readonly string[]
}

declare module 'vitest' {
  export interface ProvidedContext {
    smokeDefaultSuite: string
  }
}

/** The vitest project that runs the lanes of one suite in `<root>/suites/`. */
export function smokeProject({ root, defaultSuite, env, globalSetup = [] }: SmokeProjectOptions): TestProjectInlineConfiguration {
  const asked = env.SMOKE_SUITE ?? ''
  const suite = asked === '' ? defaultSuite : asked
  // An unknown suite must reach the global setup, which says what is wrong with it.
  const folder = existsSync(join(root, 'suites', suite, 'suite.ts')) ? suite : '*'
  return {
    root,
    test: {
      name: 'smoke',
      provide: { smokeDefaultSuite: defaultSuite },
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
