import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { StepContext } from '../../harness/suite.ts'
import { fail } from '../../harness/verdict.ts'
import { cacheDirectory, keyOf, madeOnce, untilAborted } from '../../helpers/cached.ts'
import { optionsOf, type StelaeOptions } from './options.ts'
import type { Places } from './places.ts'

/** Without it the module cache is read-only, and only root could remove the workspace. */
export const writableModules = '-modcacherw'

/** Variables of the build alone: the proxy itself must not inherit a GOMAXPROCS. */
export function buildEnvironment({ goFlags, gomaxprocs }: Pick<StelaeOptions, 'goFlags' | 'gomaxprocs'>): Record<string, string> {
  return { GOFLAGS: [writableModules, goFlags].filter((flags) => flags !== undefined).join(' '), ...(gomaxprocs > 0 && { GOMAXPROCS: String(gomaxprocs) }) }
}

/** What Stelae's restart script wants to read beside the binary, or it builds again. */
export function stampText(commit: string, builtAt: Date): string {
  return `commit=${commit}\nbuilt_at=${builtAt.toISOString().replace(/\.\d+Z$/, 'Z')}\n`
}

/** A build that is under way, or was found to be done before. */
export interface ProxyBuild {
  /** Waits for it and puts the binary where Stelae looks for it. @throws VerdictError when Go fails */
  readonly finish: (context: Pick<StepContext, 'signal' | 'fact' | 'note'>) => Promise<void>
}

/**
 * Begins to build mcp-proxy, or finds the binary that was built of the same commit with the same Go. It goes on while
 * other steps wait for their downloads; `finish` belongs into a step of its own.
 */
export async function beginProxyBuild(
  { env, run, start, options }: Pick<StepContext, 'env' | 'run' | 'start' | 'options'>, places: Pick<Places, 'proxy' | 'proxyBinary'>, commit: string,
): Promise<ProxyBuild> {
  const own = buildEnvironment(optionsOf(options))
  const go = (await run({ name: 'go-version', file: 'go', args: ['version'], cwd: places.proxy, env: own })).replace('go version ', '')
  const made = madeOnce(join(cacheDirectory(env), 'stelae-mcp-proxy'), keyOf([commit, go, own.GOFLAGS ?? '']), async (directory) => {
    const build = await start({ name: 'go-build', file: 'go', args: ['build', '-o', join(directory, 'mcp-proxy'), './...'], cwd: places.proxy, env: own })
    const { exitCode, lastLines } = await build.ended
    if (exitCode !== 0) throw fail('bootstrap-step', `\`go build\` exited with ${String(exitCode)}; last lines:\n${lastLines.slice(-12).join('\n') || '(no output)'}`, { evidence: ['logs/bootstrap-go-build.log'] })
  })
  // Whoever waits for it is told; a step that fails before must not leave an error that nobody hears.
  made.catch(() => undefined)
  return {
    finish: async ({ signal, fact, note }) => {
      const { directory, found } = await untilAborted(made, signal)
      mkdirSync(join(places.proxyBinary, '..'), { recursive: true })
      copyFileSync(join(directory, 'mcp-proxy'), places.proxyBinary)
      writeFileSync(`${places.proxyBinary}.stamp`, stampText(commit, new Date()))
      fact('version.go', go)
      if (found) note(`mcp-proxy ${commit.slice(0, 7)} was built before by ${go}: taken from the cache`)
    },
  }
}
