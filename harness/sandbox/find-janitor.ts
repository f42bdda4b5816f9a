import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readProcesses, type ProcessIdentity } from '../processes/table.ts'
import { ledgerName } from './ledger.ts'

/** The first of the last three arguments of every janitor; then come the pid of its harness, and its ledger. */
export const janitorTitle = 'clone-smoke-janitor'

/** How long a janitor may take to finish before it counts as at work still. Milliseconds. */
const janitorMs = 8000

/** The janitor that works on a workspace because its harness is dead; with `watching` also one whose harness lives. */
export function janitorOf(root: string, { watching = false } = {}): ProcessIdentity | undefined {
  const ledger = join(root, ledgerName)
  return readProcesses().find(({ pid, ppid, uid, zombie }) => {
    if (zombie || uid !== process.getuid?.()) return false
    const [title, harness, file] = argumentsOf(pid).slice(-3)
    // While its parent is the harness, it only watches.
    return title === janitorTitle && file === ledger && (watching || ppid !== Number(harness))
  })
}

function argumentsOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replace(/\0$/, '').split('\0')
  } catch {
    return []
  }
}

/** Waits for the janitor of a workspace. False when it still works after `boundMs`. */
export async function janitorEnded(root: string, boundMs = janitorMs): Promise<boolean> {
  const deadline = performance.now() + boundMs
  while (janitorOf(root) !== undefined) {
    if (performance.now() >= deadline) return false
    await delay(50)
  }
  return true
}
