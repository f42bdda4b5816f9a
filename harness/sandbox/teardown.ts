import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { Recorder } from '../lanes/recorder.ts'
import { listenersOf } from '../processes/listeners.ts'
import { commandOf, identify, readProcess } from '../processes/table.ts'
import { finishLedger, removeWorkspace, salvageEvidence } from './finish.ts'
import type { Janitor } from './start-janitor.ts'
import type { WorkspacePaths } from './workspace.ts'

export interface Ending {
  readonly paths: WorkspacePaths
  readonly results: string
  readonly ports: Readonly<Record<string, number>>
  /** The topmost directory that was made for the workspace. */
  readonly made: string | undefined
  readonly keep: boolean
  /** False when no lane was asked to run (`vitest list`): then there is nothing to report. */
  readonly anythingRan: boolean
  readonly janitor: Janitor
}

/** Undoes the sandbox, proves it, and writes down what was left: nothing, if all is well. Never rejects. */
export async function tearDown({ paths, made, results, ports, keep, anythingRan, janitor }: Ending): Promise<readonly string[]> {
  const startedAt = performance.now()
  const leftovers: string[] = []
  let ended = 0
  const attempt = async (what: string, work: () => Promise<void> | void): Promise<void> => {
    try {
      await work()
    } catch (error) {
      leftovers.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  await attempt('the end could not be recorded', () => { new Recorder(paths.progress).add({ type: 'teardown-started' }) })
  await attempt('the ledger could not be finished', async () => {
    const finished = await finishLedger(paths.ledger, { harness: false })
    ended = finished.ended
    leftovers.push(...finished.leftovers, ...portsStillHeld(ports))
  })
  await attempt('the evidence could not be saved', () => {
    if (anythingRan) salvageEvidence(paths.root, results)
    else rmSync(results, { recursive: true, force: true })
  })
  if (!keep) leftovers.push(...removeWorkspace({ workspace: paths.root, made }))
  await attempt('the end could not be recorded', () => {
    const event = { type: 'teardown-ended', durationMs: performance.now() - startedAt, ended, leftovers, workspaceKept: keep } as const
    // A workspace that is not kept is gone by now.
    if (keep) new Recorder(paths.progress).add(event)
    if (anythingRan) new Recorder(join(results, 'progress.ndjson')).add(event)
  })
  await janitor.dismiss()
  return leftovers
}

/** Ports of the sandbox held by a process younger than this one: whoever is older cannot come from this run. */
function portsStillHeld(ports: Readonly<Record<string, number>>): string[] {
  const own = identify(process.pid)
  const young = (pid: number): boolean => pid !== process.pid && (readProcess(pid)?.startTime ?? 0) >= (own?.startTime ?? 0)
  const listeners = listenersOf(young)
  return Object.entries(ports).flatMap(([name, port]) =>
    listeners.filter((listener) => listener.port === port).map(({ pid }) => `port ${port} (${name}) is held by process ${pid}: ${commandOf(pid)}`))
}
