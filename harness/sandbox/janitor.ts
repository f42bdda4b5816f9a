import { lstatSync, readdirSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive } from '../processes/table.ts'
import { finishLedger, removeEmpty, removePath, removeWorkspace } from './finish.ts'
import { salvageEvidence } from './salvage.ts'
import type { JanitorTask } from './start-janitor.ts'
import { readLedger, sandboxOf, type LedgerEntry } from './ledger.ts'
import { isSameProcess, markerFile, type Owner } from './owner.ts'
import { clearLocks, isLive } from './port-locks.ts'
import { isHalfMade, readPlain } from './whole-file.ts'
import { workspaceDirectories, workspacePaths, type WorkspacePaths } from './workspace-paths.ts'

/*
 * The janitor: a process of its own that outlives the harness. It is there before anything is made, and holds one end of
 * a socket (file descriptor 3). When that closes without the word `done`, the harness died, and the janitor undoes in its
 * place what there is: a whole sandbox by its ledger, or what there was of one in that moment.
 */

/** How long a harness may take from closing its socket to its end. Milliseconds. */
const ownerMs = 5000

async function main(): Promise<void> {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  const harness = new Socket({ fd: 3, readable: true, writable: true })
  // A reset is an end as well.
  harness.on('error', () => undefined)
  let heard = ''
  const ended = new Promise((resolve) => { harness.on('close', resolve).on('end', resolve) })
  harness.setEncoding('utf8').on('data', (text: string) => { heard += text })
  harness.write('ready\n')
  await ended
  const [first = '', ...words] = heard.split('\n')
  // Cut off: the harness ended before it could have made anything.
  if (words.length === 0) return
  const task = JSON.parse(first) as JanitorTask
  if (!words.includes('done')) await undo(task)
  for (const path of task.paths) removePath(path)
}

/** Nobody is left to be told of a problem: each part is tried whatever became of the others. */
async function undo({ ledger, workspace, results, made, owner, temporary }: JanitorTask): Promise<void> {
  for (const until = performance.now() + ownerMs; isAlive(owner) && performance.now() < until;) await delay(10)
  const sandbox = sandboxOf(entriesOf(ledger))
  if (sandbox?.workspace === workspace && sandbox.results === results) {
    await finishLedger(ledger, { harness: true }).catch(() => undefined)
    try {
      salvageEvidence(sandbox.workspace, sandbox.results)
    } catch {
      // The results folder may be gone, or the disk full.
    }
    if (!sandbox.keep) removeWorkspace(sandbox)
  } else {
    removeHalfMade(workspace, ownFiles, owner.pid)
    // With an earlier run's ledger it is that run's workspace, in which this one was about to go on.
    if (sandbox === undefined && isMarkedBy(owner, workspace)) removeBeginnings(workspacePaths(workspace))
    if (made !== undefined && namesIn(workspace).length === 0) removeEmpty(workspace, made)
  }
  removeHalfMade(temporary, /^clone-smoke-port-\d+\.json$/, owner.pid)
  clearLocks(temporary, (lock) => lock.kind === 'owned' && isSameProcess(lock.owner, owner) && !isLive(lock))
}

/** What is there of a workspace without a ledger is only what every workspace begins with. */
function removeBeginnings(paths: WorkspacePaths): void {
  for (const path of [...workspaceDirectories(paths), paths.ledger, join(paths.root, markerFile)]) removePath(path)
}

/** Files of a workspace that are never written in place. */
const ownFiles = /^(\.clone-smoke\..*|ledger\.ndjson|state\.json)$/

function removeHalfMade(directory: string, of: RegExp, pid: number): void {
  for (const name of namesIn(directory)) {
    const file = join(directory, name)
    if (isHalfMade(name, of, pid) && lstatSync(file, { throwIfNoEntry: false })?.uid === process.getuid?.()) rmSync(file, { force: true })
  }
}

function entriesOf(ledger: string): LedgerEntry[] {
  try {
    return readLedger(ledger)
  } catch {
    return []
  }
}

/** By hand, not by the marker's schema: the janitor is no larger than it must be. */
function isMarkedBy(harness: Owner, workspace: string): boolean {
  try {
    return isSameProcess((JSON.parse(readPlain(join(workspace, markerFile)) ?? '{}') as { owner?: Partial<Owner> }).owner, harness)
  } catch {
    return false
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

await main()
