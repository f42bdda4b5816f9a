import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { waitFor } from '../../helpers/wait-for.ts'
import { readProcesses, commandOf, hasInEnvironment } from '../processes/table.ts'
import { runRecord, type ProgressEvent, type RunRecord } from '../record.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

export interface ChildRun {
  readonly process: ChildProcess
  /** A temporary directory of its own: what is left in it after the run was left behind by the run. */
  readonly temporary: string
  readonly results: string
  /** Everything printed so far. */
  output(): string
  /** Exit code, or the signal that ended it. Rejects after `deadlineMs`. */
  ended(deadlineMs?: number): Promise<number | NodeJS.Signals>
  /** Progress events so far, from the workspace or, when that is gone, from the results. */
  progress(): ProgressEvent[]
  /** run.json of the run. */
  record(): RunRecord
  junit(): string
  /** What the run left behind: names in its temporary directory and processes of its sandbox. */
  leftovers(): string[]
  /** Ends it if it still runs, and removes its directories. */
  dispose(): Promise<void>
}

const vitest = join(root, 'node_modules/vitest/vitest.mjs')
/** The program `clone-smoke` of this checkout. */
export const cloneSmoke = join(root, 'harness/cli/clone-smoke.mjs')

/**
 * Starts `vitest <args>`, or another program, as a user would, in a process group of its own, by default in this
 * checkout. For tests of clone-smoke itself.
 */
export function startChildRun(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = root, program = vitest): ChildRun {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'run-')))
  const temporary = mkdtempSync(join(base, 't'))
  const results = join(base, 'results')
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(SMOKE_|VITEST|npm_|NODE_ENV|TEST$|FORCE_COLOR)/.test(name)))
  const child = spawn(process.execPath, [program, ...args], {
    cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...inherited, TMPDIR: temporary, SMOKE_RESULTS: results, NO_COLOR: '1', CI: '1', ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => { output += text })
  const end = new Promise<number | NodeJS.Signals>((resolve) => {
    child.once('exit', (code, signal) => { resolve(signal ?? code ?? -1) })
  })
  const latest = (): string => {
    const runs = existsSync(results) ? readdirSync(results).filter((name) => name !== 'latest').toSorted() : []
    return join(results, runs.at(-1) ?? 'none')
  }
  const workspaces = (): string[] => readdirSync(temporary).filter((name) => /^clone-smoke-\d/.test(name))
  const sandboxProcesses = (): string[] => {
    const file = join(latest(), 'run-file.json')
    if (!existsSync(file)) return []
    const { run, workspace } = JSON.parse(readFileSync(file, 'utf8')) as { run: string; workspace: string }
    return readProcesses()
      .filter((info) => !info.zombie && hasInEnvironment(info.pid, 'SMOKE_SANDBOX_ID', `${run}@${workspace}`))
      .map((info) => `process ${info.pid}: ${commandOf(info.pid)}`)
  }
  return {
    process: child, temporary, results,
    output: () => output,
    ended: async (deadlineMs = 120_000) => {
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_, reject) => {
        timer = setTimeout(() => { reject(new Error(`the run did not end in ${deadlineMs} ms:\n${output}`)) }, deadlineMs)
      })
      return Promise.race([end, late]).finally(() => { clearTimeout(timer) })
    },
    progress: () => {
      const [workspace] = workspaces()
      const file = [...(workspace === undefined ? [] : [join(temporary, workspace, 'progress.ndjson')]), join(latest(), 'progress.ndjson')].find((path) => existsSync(path))
      if (file === undefined) return []
      return readFileSync(file, 'utf8').split('\n').slice(0, -1).map((line) => JSON.parse(line) as ProgressEvent)
    },
    record: () => runRecord.parse(JSON.parse(readFileSync(join(latest(), 'run.json'), 'utf8'))),
    junit: () => readFileSync(join(latest(), 'junit.xml'), 'utf8'),
    leftovers: () => [...readdirSync(temporary).filter((name) => name !== 'node-compile-cache'), ...sandboxProcesses()],
    dispose: async () => {
      if (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
        process.kill(child.pid, 'SIGTERM')
        await end
      }
      await waitFor(() => (sandboxProcesses().length === 0 ? true : undefined), {
        deadlineMs: 50_000, otherwise: () => new Error(`still alive: ${sandboxProcesses().join(', ')}`),
      })
      rmSync(base, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
