import { spawn } from 'node:child_process'
import { chmodSync, existsSync, lstatSync, readFileSync, readdirSync, rmSync, rmdirSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import {
  bootId, commandOf, hasInEnvironment, identify, isAlive, readProcess, readProcesses, workingDirectory,
  type ProcessIdentity, type ProcessInfo,
} from '../processes/table.ts'
import { ledgerName, markerVariable, readLedger, sandboxOf, type LedgerEntry } from './ledger.ts'
import { mountsWithin } from './mounts.ts'
import { claimPrefix, markerFile } from './owner.ts'

type Of<Kind extends LedgerEntry['kind']> = Extract<LedgerEntry, { kind: Kind }>

const only = <Kind extends LedgerEntry['kind']>(entries: readonly LedgerEntry[], kind: Kind): Of<Kind>[] =>
  entries.filter((entry): entry is Of<Kind> => entry.kind === kind)

export interface FinishResult {
  /** How many processes had to be ended by signal. */
  readonly ended: number
  /** What could not be undone, one line each; empty means clean. */
  readonly leftovers: readonly string[]
}

/** What was written since this boot; nothing that was written before names a process that can still live. */
function ofThisBoot(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
  const first = entries.findIndex((entry) => entry.kind === 'sandbox' && entry.boot === bootId())
  return first === -1 ? [] : entries.slice(first)
}

export interface Included {
  /** Processes of the harness itself, as far as the ledger names them. */
  readonly harness: boolean
  /** False spares the children of this process: a worker that is just being started is in no ledger yet. */
  readonly children?: boolean
}

/**
 * The living processes that are proven to belong to the sandbox of this ledger: by the marker in their environment, by
 * a session the sandbox started, or by a working directory inside the workspace, where it is younger than the sandbox
 * and has no terminal (a person's shell that only looks around has one).
 */
export function ownedProcesses(all: readonly LedgerEntry[], include: Included): ProcessInfo[] {
  const entries = ofThisBoot(all)
  const sandbox = only(entries, 'sandbox')[0]
  if (!sandbox) return []
  const name = ({ pid, startTime }: ProcessIdentity): string => `${pid} ${startTime}`
  const ended = new Set(only(entries, 'session-ended').map(({ leader }) => name(leader)))
  const sessions = only(entries, 'session').map((entry) => entry.leader).filter((leader) => !ended.has(name(leader)))
  const harness = only(entries, 'harness').map((entry) => entry.process)
  const table = readProcesses()
  // Whoever called this process, from a script or through npx, perhaps from a directory of the workspace.
  const spared = new Set<number>()
  for (let pid = process.pid; pid > 0 && !spared.has(pid); pid = table.find((info) => info.pid === pid)?.ppid ?? 0) spared.add(pid)
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
      !info.zombie && !spared.has(info.pid) && (include.children !== false || info.ppid !== process.pid) && info.uid === process.getuid?.() &&
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

/**
 * Undoes everything in the ledger, newest first: own stop commands, then processes, then paths outside the workspace.
 * `whyNotRemove` may spare a path: it returns the reason.
 */
export async function finishLedger(
  ledgerFile: string, include: Included & { readonly whyNotRemove?: (path: string) => string | undefined },
): Promise<FinishResult> {
  const entries = readLedger(ledgerFile)
  const leftovers: string[] = []
  // After a restart of the machine nothing is left to stop, and a pid file may name a stranger.
  for (const command of only(ofThisBoot(entries), 'command').reverse()) await runStopCommand(command)
  const find = (): ProcessInfo[] => ownedProcesses(readLedger(ledgerFile), include)
  const ended = await endProcesses(find)
  for (const info of find()) leftovers.push(`process ${info.pid}: ${commandOf(info.pid)}`)
  const kept = sandboxOf(entries)?.keep === true
  for (const { path, harness, withWorkspace } of only(entries, 'path').reverse()) {
    if ((harness === true && !include.harness) || (withWorkspace === true && kept)) continue
    const spared = include.whyNotRemove?.(path)
    const problem = spared === undefined ? removePath(path) : `${path} is left alone: ${spared}`
    if (problem !== undefined) leftovers.push(problem)
  }
  return { ended, leftovers }
}

/** Removes a file or directory. Returns a sentence when it could not be removed. */
export function removePath(path: string): string | undefined {
  const remove = (times = 3): void => {
    try {
      rmSync(path, { recursive: true, force: true, maxRetries: 3, retryDelay: 50 })
    } catch (error) {
      // Somebody wrote into it meanwhile: rmSync tries the directory again, but not what is new in it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY' || times === 0) throw error
      remove(times - 1)
    }
  }
  try {
    try {
      remove()
    } catch (error) {
      if (!/^(EACCES|EPERM)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error
      // Go makes the directories of its module cache read-only.
      makeWritable(path)
      remove()
    }
    return undefined
  } catch (error) {
    return `${path}: ${error instanceof Error ? error.message : String(error)}`
  }
}

function makeWritable(path: string): void {
  if (!lstatSync(path).isDirectory()) return
  chmodSync(path, 0o700)
  for (const entry of readdirSync(path, { withFileTypes: true })) if (entry.isDirectory()) makeWritable(join(path, entry.name))
}

/**
 * Removes a workspace and what was made to hold it, as far as nobody else put something there; a directory that the
 * user had made is only emptied. Returns what could not be removed.
 */
export function removeWorkspace({ workspace, made }: { readonly workspace: string; readonly made?: string | undefined }): string[] {
  const problems = existsSync(workspace) ? emptyWorkspace(workspace) : []
  if (made === undefined || problems.length > 0) return problems
  removeEmpty(workspace, made)
  return existsSync(workspace) ? [`${workspace}: somebody wrote into it while it was removed: ${readdirSync(workspace).slice(0, 3).join(', ')}`] : []
}

/**
 * Empties a workspace: the ledger goes after everything else, then the marker, and claims last, so that what a crash
 * leaves half-way is still known as a workspace, and nobody takes it over meanwhile. Returns what could not be removed.
 */
export function emptyWorkspace(root: string): string[] {
  const mounts = mountsWithin(root)
  if (mounts.length > 0) return mounts.map((mount) => `${mount} is a mount point: umount ${mount}`)
  const rank = (name: string): number => name.startsWith(claimPrefix) ? 3 : name === markerFile ? 2 : name === ledgerName ? 1 : 0
  for (const level of [0, 1, 2, 3]) {
    // Asked anew: a process that ends may write its last words meanwhile.
    const names = readdirSync(root).filter((name) => rank(name) === level)
    const problems = names.map((name) => removePath(join(root, name))).filter((problem) => problem !== undefined)
    if (problems.length > 0) return problems
  }
  return []
}

/** Removes empty directories from `path` up to `top`, as far as they were made. */
export function removeEmpty(path: string, top: string): void {
  for (let dir = path; dir === top || dir.startsWith(top + sep); dir = dirname(dir)) {
    try {
      rmdirSync(dir)
    } catch (error) {
      // Not made, or somebody else uses it.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return
    }
  }
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
