import { spawn } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { join, sep } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  bootId, commandOf, hasInEnvironment, identify, isAlive, readProcess, readProcesses, workingDirectory,
  type ProcessIdentity, type ProcessInfo,
} from '../processes/table.ts'
import { markerVariable, readLedger, type LedgerEntry } from './ledger.ts'

type Of<Kind extends LedgerEntry['kind']> = Extract<LedgerEntry, { kind: Kind }>

const only = <Kind extends LedgerEntry['kind']>(entries: readonly LedgerEntry[], kind: Kind): Of<Kind>[] =>
  entries.filter((entry): entry is Of<Kind> => entry.kind === kind)

export interface FinishResult {
  /** How many processes had to be ended by signal. */
  readonly ended: number
  /** What could not be undone, one line each; empty means clean. */
  readonly leftovers: readonly string[]
}

/**
 * The living processes that are proven to belong to the sandbox of this ledger: by the marker in their environment, by
 * a session the sandbox started, or by a working directory inside the workspace, where it is younger than the sandbox
 * and has no terminal (a person's shell that only looks around has one).
 */
export function ownedProcesses(entries: readonly LedgerEntry[], include: { harness: boolean }): ProcessInfo[] {
  const sandbox = only(entries, 'sandbox')[0]
  if (sandbox?.boot !== bootId()) return []
  const name = ({ pid, startTime }: ProcessIdentity): string => `${pid} ${startTime}`
  const ended = new Set(only(entries, 'session-ended').map(({ leader }) => name(leader)))
  const sessions = only(entries, 'session').map((entry) => entry.leader).filter((leader) => !ended.has(name(leader)))
  const harness = only(entries, 'harness').map((entry) => entry.process)
  const table = readProcesses()
  const spared = new Set([process.pid, process.ppid])
  if (!include.harness) for (const { pid } of harness) spared.add(pid)

  const inSession = (info: ProcessInfo): boolean =>
    sessions.some((leader) => {
      if (info.session !== leader.pid || info.startTime < leader.startTime) return false
      const now = table.find((other) => other.pid === leader.pid)
      return now === undefined || now.startTime === leader.startTime
    })
  const livesInside = (info: ProcessInfo): boolean => {
    const cwd = info.terminal === 0 && info.startTime >= sandbox.since ? workingDirectory(info.pid) : undefined
    return cwd !== undefined && (cwd === sandbox.workspace || cwd.startsWith(sandbox.workspace + sep))
  }
  const isHarness = (info: ProcessInfo): boolean =>
    harness.some(({ pid, startTime }) => pid === info.pid && startTime === info.startTime)
  return table.filter(
    (info) =>
      !info.zombie && !spared.has(info.pid) && info.uid === process.getuid?.() &&
      (inSession(info) || isHarness(info) || hasInEnvironment(info.pid, markerVariable, sandbox.id) || livesInside(info)),
  )
}

/** Ends processes until `find` sees none: SIGTERM, and SIGKILL after `graceMs`. Returns how many were signalled. */
export async function endProcesses(find: () => ProcessInfo[], graceMs = 1500, boundMs = 8000): Promise<number> {
  const signalled = new Set<number>()
  const started = Date.now()
  for (;;) {
    const living = find()
    if (living.length === 0 || Date.now() - started > boundMs) return signalled.size
    const signal = Date.now() - started < graceMs ? 'SIGTERM' : 'SIGKILL'
    for (const info of living) {
      if (signal === 'SIGTERM' && signalled.has(info.pid)) continue
      signalled.add(info.pid)
      signalProcess(info, signal)
    }
    await delay(20)
  }
}

/** Signals a process only if it still is the one that was seen. */
export function signalProcess(info: { pid: number; startTime: number }, signal: NodeJS.Signals): void {
  if (readProcess(info.pid)?.startTime !== info.startTime) return
  try {
    process.kill(info.pid, signal)
  } catch {
    // It ended in between, which is what was wanted.
  }
}

/** Undoes everything in the ledger, newest first: own stop commands, then processes, then paths outside the workspace. */
export async function finishLedger(ledgerFile: string, include: { harness: boolean }): Promise<FinishResult> {
  const entries = readLedger(ledgerFile)
  const leftovers: string[] = []
  for (const command of only(entries, 'command').reverse()) await runStopCommand(command)
  const find = (): ProcessInfo[] => ownedProcesses(readLedger(ledgerFile), include)
  const ended = await endProcesses(find)
  for (const info of find()) leftovers.push(`process ${info.pid}: ${commandOf(info.pid)}`)
  for (const { path, harness } of only(entries, 'path').reverse()) {
    if (harness === true && !include.harness) continue
    const problem = removePath(path)
    if (problem !== undefined) leftovers.push(problem)
  }
  return { ended, leftovers }
}

/** Removes a file or directory. Returns a sentence when it could not be removed. */
export function removePath(path: string): string | undefined {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 })
    return undefined
  } catch (error) {
    return `${path}: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Removes a workspace and what was made to hold it; a directory that the user had made is only emptied. */
export function removeWorkspace({ workspace, made }: { readonly workspace: string; readonly made?: string | undefined }): string[] {
  const paths = made === undefined && existsSync(workspace) ? readdirSync(workspace).map((name) => join(workspace, name)) : [made ?? workspace]
  return paths.map(removePath).filter((problem) => problem !== undefined)
}

/** Copies what a person needs to understand a run out of a workspace that is about to go. */
export function salvageEvidence(workspace: string, results: string): void {
  mkdirSync(results, { recursive: true })
  for (const name of ['progress.ndjson', 'state.json', 'transcripts', 'logs']) {
    const from = join(workspace, name)
    if (existsSync(from)) cpSync(from, join(results, name), { recursive: true, filter: isPlain })
  }
}

/** Pipes and sockets cannot be copied, and a link may lead out of the workspace. */
function isPlain(path: string): boolean {
  const stat = lstatSync(path)
  return stat.isFile() || stat.isDirectory()
}

async function runStopCommand(command: Of<'command'>): Promise<void> {
  if (command.whilePidFile !== undefined && !pidFileLives(command.whilePidFile)) return
  const child = spawn(command.file, command.args, {
    cwd: existsSync(command.cwd) ? command.cwd : '/', env: command.env, stdio: 'ignore', detached: true,
  })
  const leader = child.pid === undefined ? undefined : identify(child.pid)
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      if (leader && isAlive(leader)) signalProcess(leader, 'SIGKILL')
      resolve()
    }, command.timeoutMs)
    const done = (): void => {
      clearTimeout(timer)
      resolve()
    }
    child.once('exit', done)
    child.once('error', done)
  })
}

function pidFileLives(file: string): boolean {
  try {
    const pid = Number(readFileSync(file, 'utf8').trim())
    const info = readProcess(pid)
    return info !== undefined && !info.zombie
  } catch {
    return false
  }
}
