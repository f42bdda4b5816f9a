import { appendFileSync, closeSync, constants, openSync, readFileSync, writeSync } from 'node:fs'
import type { ProcessIdentity } from '../processes/table.ts'

/** An environment variable that every process of a sandbox carries; its value is the sandbox's id. */
export const markerVariable = 'SMOKE_SANDBOX_ID'

/** The ledger's name in a workspace. */
export const ledgerName = 'ledger.ndjson'

/** What a sandbox owes the machine. Written before the thing is made, so that anyone can undo it later. */
export type LedgerEntry =
  | {
      readonly kind: 'sandbox'
      readonly id: string
      readonly workspace: string
      readonly results: string
      readonly boot: string
      readonly keep: boolean
      /** Start time of the process that made it: whoever is older cannot belong to it. */
      readonly since: number
      /** The topmost directory that was made for it; undefined where the user had made the workspace's directory. */
      readonly made?: string | undefined
    }
  /** A session (setsid) that the sandbox started; its leader's identity names it. */
  | { readonly kind: 'session'; readonly name: string; readonly leader: ProcessIdentity }
  | { readonly kind: 'session-ended'; readonly leader: ProcessIdentity }
  /** A process of the harness itself (a vitest worker): ended by the janitor, never by a living harness. */
  | { readonly kind: 'harness'; readonly process: ProcessIdentity }
  /** The stack's own way to stop, tried before any signal. */
  | {
      readonly kind: 'command'
      readonly name: string
      readonly file: string
      readonly args: readonly string[]
      readonly cwd: string
      readonly env: Readonly<Record<string, string>>
      /** Run only while the process named in this file lives. */
      readonly whilePidFile?: string
      readonly timeoutMs: number
    }
  /** A file or directory outside the workspace. `harness`: a living harness removes it by itself; `withWorkspace`: it stays where that is kept. */
  | { readonly kind: 'path'; readonly path: string; readonly harness?: true; readonly withWorkspace?: true }

export function appendToLedger(file: string, entry: LedgerEntry): void {
  appendFileSync(file, `${JSON.stringify(entry)}\n`, { mode: 0o600 })
}

/** As `appendToLedger`, but throws ENOENT where there is none: its workspace may be going in this moment. */
export function appendToExistingLedger(file: string, entry: LedgerEntry): void {
  const fd = openSync(file, constants.O_WRONLY | constants.O_APPEND)
  try {
    writeSync(fd, `${JSON.stringify(entry)}\n`)
  } finally {
    closeSync(fd)
  }
}

/** All whole lines; a line that was cut by a crash is left out. */
export function readLedger(file: string): LedgerEntry[] {
  const entries: LedgerEntry[] = []
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    try {
      const entry = line === '' ? null : JSON.parse(line) as LedgerEntry | null
      if (typeof entry?.kind === 'string') entries.push(entry)
    } catch {
      // Only the last line can be cut: each is appended with one write.
    }
  }
  return entries
}

/** What a ledger says of its sandbox: the last word, for each run in a workspace may add its own. */
export function sandboxOf(entries: readonly LedgerEntry[]): Extract<LedgerEntry, { kind: 'sandbox' }> | undefined {
  return entries.filter((entry) => entry.kind === 'sandbox').at(-1)
}
