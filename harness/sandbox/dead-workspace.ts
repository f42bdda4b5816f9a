import { existsSync, lstatSync, realpathSync } from 'node:fs'
import { basename, dirname, join, sep } from 'node:path'
import { bootId, commandOf, type ProcessInfo } from '../processes/table.ts'
import { endProcesses, finishLedger, ownedProcesses, type FinishResult } from './finish.ts'
import { ledgerName, readLedger, sandboxOf, type LedgerEntry } from './ledger.ts'
import { ownerOf, readMarker } from './marker.ts'
import { mountsWithin } from './mounts.ts'
import { markerFile } from './owner.ts'
import { clearLocks, lives } from './port-locks.ts'

/** The ledger of a workspace; empty when there is none, or it tells of a workspace somewhere else. */
export function ledgerOf(root: string): LedgerEntry[] {
  const file = join(root, ledgerName)
  if (lstatSync(file, { throwIfNoEntry: false })?.isFile() !== true) return []
  const entries = readLedger(file)
  return sandboxOf(entries)?.workspace === root ? entries : []
}

/**
 * Ends what still runs of a workspace that the caller has claimed: by its ledger when that tells of this very path, else
 * by the sandbox's id and by working directories alone. Of the paths a ledger names outside the workspace only those
 * are removed that lie below `tempDir` (its real path), belong to this user, are no workspace and hold no mount point.
 */
export async function endWorkspace(root: string, tempDir: string): Promise<FinishResult> {
  if (ledgerOf(root).length > 0) {
    try {
      return await finishLedger(join(root, ledgerName), { harness: true, whyNotRemove: (path) => whyNotRemove(path, root, tempDir) })
    } catch {
      // An entry is damaged: the processes are found without it.
    }
  }
  const find = (): ProcessInfo[] => ownedProcesses(entriesWithoutLedger(root), { harness: false })
  const ended = await endProcesses(find)
  return { ended, leftovers: find().map(({ pid }) => `process ${pid}: ${commandOf(pid)}`) }
}

/** What the marker alone tells: the sandbox's id, and since when it is there. */
function entriesWithoutLedger(root: string): LedgerEntry[] {
  const reading = readMarker(root)
  const owner = ownerOf(reading)
  if (owner?.boot !== bootId()) return []
  // An id that no process can carry: an older marker does not tell it.
  const id = reading.kind === 'current' && !isCopy(root, reading.marker.sandbox) ? reading.marker.sandbox : '\0'
  return [{ kind: 'sandbox', id, workspace: root, results: '', boot: owner.boot, keep: false, since: owner.startTime }]
}

/** The ledger's own workspace is still there with the same id: then the processes that carry it belong there. */
function isCopy(root: string, sandbox: string): boolean {
  const ledger = join(root, ledgerName)
  if (lstatSync(ledger, { throwIfNoEntry: false })?.isFile() !== true) return false
  const original = sandboxOf(readLedger(ledger))?.workspace
  if (original === undefined || original === root) return false
  const reading = readMarker(original)
  return reading.kind === 'current' && reading.marker.sandbox === sandbox
}

function whyNotRemove(path: string, root: string, tempDir: string): string | undefined {
  if (!existsSync(dirname(path))) return undefined
  // The last part may be a link, which is removed itself; those before it must not lead away.
  const real = join(realpathSync(dirname(path)), basename(path))
  if (real.startsWith(root + sep)) return undefined
  if (!real.startsWith(tempDir + sep)) return `it lies outside ${tempDir}`
  const stat = lstatSync(real, { throwIfNoEntry: false })
  if (!stat) return undefined
  if (stat.uid !== process.getuid?.()) return `it belongs to user ${stat.uid}`
  if (root.startsWith(real + sep) || existsSync(join(real, markerFile))) return 'it is or holds a workspace'
  const [mount] = mountsWithin(real)
  return mount === undefined ? undefined : `${mount} is a mount point`
}

/** Removes the port locks that a dead run held for a workspace. */
export function clearPortLocks(root: string, tempDir: string): void {
  clearLocks(tempDir, (lock) => lock.kind === 'owned' && lock.owner.workspace === root && !lives(lock.owner))
}
