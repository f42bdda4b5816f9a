import { readLedger, sandboxOf, type LedgerEntry } from './ledger.ts'
import { writeWhole } from './whole-file.ts'

/**
 * Begins the ledger of a workspace that another run goes on with: what the earlier run owes is still owed, but for
 * processes of an earlier boot, which are gone.
 */
export function renewLedger(file: string, sandbox: Extract<LedgerEntry, { kind: 'sandbox' }>): void {
  const earlier = readLedger(file)
  const before = sandboxOf(earlier)
  const sameBoot = before?.boot === sandbox.boot
  const owed = earlier.filter(({ kind }) => kind === 'command' || (sameBoot && (kind === 'session' || kind === 'session-ended')))
  // Whoever is older than the sandbox cannot belong to it, and a stack that was left running is older than this run.
  const entry = { ...sandbox, ...(sameBoot && { since: before.since }) }
  writeWhole(file, [entry, ...owed].map((one) => `${JSON.stringify(one)}\n`).join(''))
}
