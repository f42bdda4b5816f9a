import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Recorder } from '../lanes/recorder.ts'
import { listenersOf } from '../processes/listeners.ts'
import { commandOf, identify, readProcess } from '../processes/table.ts'
import { redactFiles } from '../redaction/redact-files.ts'
import { redactorOfThisProcess } from '../redaction/of-this-process.ts'
import type { ProcessRecord } from '../record.ts'
import { detailsOf } from '../stack/process-details.ts'
import { finishLedger, ownedProcesses, removeWorkspace } from './finish.ts'
import { appendToLedger, readLedger, sandboxOf } from './ledger.ts'
import { updateMarker } from './marker.ts'
import { compareHost, snapshotHost, type HostSnapshot } from './host-paths.ts'
import { releasePort, type PortOwner, type PortReservation } from './ports.ts'
import { salvageEvidence } from './salvage.ts'
import type { Janitor } from './start-janitor.ts'
import { fail, withConsequences, type Verdict } from '../verdict.ts'
import type { WorkspacePaths } from './workspace-paths.ts'

export interface Ending {
  readonly paths: WorkspacePaths
  readonly results: string
  readonly ports: Readonly<Record<string, number>>
  readonly reservations: readonly PortReservation[]
  readonly owner: PortOwner
  /** The topmost directory that was made for the workspace. */
  readonly made: string | undefined
  readonly keep: boolean
  /** The run paused for a person: the stack goes on, and is ended by whoever goes on or cleans up. */
  readonly leaveRunning: boolean
  /** False when no lane was asked to run (`vitest list`): then there is nothing to report. */
  readonly anythingRan: boolean
  /** What no run may change, as it was before. */
  readonly host: { readonly paths: readonly string[]; readonly before: HostSnapshot }
  readonly janitor: Janitor
}

export interface Ended {
  /** What could not be undone. */
  readonly leftovers: readonly string[]
  /** What the run changed outside the sandbox. */
  readonly hostChanges: readonly string[]
  /** What could not be kept for the reports: nothing is left behind by that. */
  readonly problems: readonly string[]
  /** `progress.ndjson`, with the end of the teardown. */
  readonly progress: string
}

/** Undoes the sandbox, proves it, and writes down what was left: nothing, if all is well. Never rejects. */
export async function tearDown(ending: Ending): Promise<Ended> {
  const { paths, made, results, ports, keep, leaveRunning, anythingRan, host, janitor } = ending
  const startedAt = performance.now()
  const redactor = redactorOfThisProcess()
  const leftovers: string[] = []
  const hostChanges: string[] = []
  let ended = 0
  const problems: string[] = []
  const attempt = async (what: string, work: () => Promise<void> | void, to = leftovers): Promise<void> => {
    try {
      await work()
    } catch (error) {
      to.push(`${what}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  let progress = ''
  await attempt('the progress could not be read', () => { progress = readFileSync(paths.progress, 'utf8') }, problems)
  if (progress !== '') {
    const recorder = new Recorder(paths.progress, redactor)
    recorder.add({ type: 'teardown-started' })
    await attempt('the processes could not be recorded', () => { recorder.add({ type: 'processes', processes: processesOf(paths.ledger, (text) => redactor.text(text)) }) }, problems)
  }
  if (!leaveRunning) {
    await attempt('the ledger could not be finished', async () => {
      const finished = await finishLedger(paths.ledger, { harness: false, children: false })
      ended = finished.ended
      leftovers.push(...finished.leftovers, ...portsStillHeld(ports))
    })
  }
  await attempt('the host could not be compared', () => { hostChanges.push(...compareHost(host.before, snapshotHost(host.paths))) })
  const before = problems.length
  await attempt('transcripts and logs could not be saved', () => {
    if (!anythingRan) rmSync(results, { recursive: true, force: true })
    const [first, ...more] = anythingRan ? salvageEvidence(paths.root, results) : []
    if (first) throw new Error(`${first.why} (${first.file}${more.length === 0 ? '' : ` and ${more.length} more`})`)
  }, problems)
  const saved = anythingRan && problems.length === before
  // A worker that was told to stop may have had the last word.
  if (progress !== '') await attempt('the progress could not be read', () => { progress = readFileSync(paths.progress, 'utf8') }, problems)
  // While the workspace still tells what its secrets are.
  await attempt('the results could not be redacted', () => { problems.push(...redactFiles(results, redactor.refresh())) }, problems)
  if (!keep) {
    // From here on nobody keeps it: whoever finds a part of it removes the rest. It goes all the same where a full disk forbids to say so.
    await attempt('that the workspace goes could not be recorded', () => {
      const sandbox = sandboxOf(readLedger(paths.ledger))
      if (sandbox?.keep === true) appendToLedger(paths.ledger, { ...sandbox, keep: false })
      updateMarker(paths.root, { kept: false })
    }, problems)
    leftovers.push(...removeWorkspace({ workspace: paths.root, made }))
    // A workspace that is kept keeps its ports, for whoever goes on with it.
    await attempt('a port could not be released', () => { for (const reservation of ending.reservations) releasePort(reservation, ending.owner) })
  }
  const event = {
    type: 'teardown-ended', durationMs: performance.now() - startedAt, ended, leftovers, hostChanges, workspaceKept: keep, processesKept: leaveRunning,
    ...verdictOn(leftovers, hostChanges),
  } as const
  // A workspace that is not kept is gone by now.
  if (keep && progress !== '') new Recorder(paths.progress, redactor).add(event)
  if (saved && progress !== '') new Recorder(join(results, 'progress.ndjson'), redactor).add(event)
  janitor.done()
  return { leftovers, hostChanges, problems, progress: `${progress}\n${JSON.stringify({ at: new Date().toISOString(), ...redactor.value(event) })}\n` }
}

/** More than this are of no use to a reader. */
const processLimit = 200

/** The sandbox's processes as they stand, oldest first. */
function processesOf(ledger: string, redact: (text: string) => string): ProcessRecord[] {
  const owned = ownedProcesses(readLedger(ledger), { harness: false, children: false })
  return detailsOf(owned, redact).toSorted((a, b) => a.startedAt - b.startedAt).slice(0, processLimit).map(({ pid, ppid, command, memoryKb, startedAt }) => ({
    pid, ppid, command, memoryBytes: memoryKb * 1024, ageMs: Math.max(0, Math.round(Date.now() - startedAt)),
  }))
}

/** What a run that touched its host or left something is blamed for; what it left comes second. */
function verdictOn(leftovers: readonly string[], hostChanges: readonly string[]): { verdict?: Verdict } {
  if (hostChanges.length > 0) {
    const verdict = fail('host-touched', `changed outside the sandbox: ${hostChanges.join('; ')}`, {
      remedy: 'find out which process wrote there; it names that place itself, or did not get the HOME of the sandbox',
    }).verdict
    return { verdict: withConsequences(verdict, leftovers.map((one) => `leak: ${one}`)) }
  }
  if (leftovers.length === 0) return {}
  return { verdict: fail('leak', `left behind: ${leftovers.join('; ')}`, { remedy: 'find out what made it and why it did not end with the stack; `npx clone-smoke cleanup` removes it' }).verdict }
}

/** Ports of the sandbox held by a process younger than this one: whoever is older cannot come from this run. */
function portsStillHeld(ports: Readonly<Record<string, number>>): string[] {
  const own = identify(process.pid)
  const young = (pid: number): boolean => pid !== process.pid && (readProcess(pid)?.startTime ?? 0) >= (own?.startTime ?? 0)
  const listeners = listenersOf(young)
  return Object.entries(ports).flatMap(([name, port]) =>
    listeners.filter((listener) => listener.port === port).map(({ pid }) => `port ${port} (${name}) is held by process ${pid}: ${commandOf(pid, (text) => redactorOfThisProcess().text(text))}`))
}
