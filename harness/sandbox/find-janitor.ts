import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { readProcesses, type ProcessIdentity } from '../processes/table.ts'
import { ledgerName } from './ledger.ts'

/** The last argument but one of every janitor; the last one is its ledger. */
export const janitorTitle = 'clone-smoke-janitor'

/** How long a janitor may take to finish before it counts as at work still. Milliseconds. */
const janitorMs = 8000

/** The janitor of another run that works on a workspace: a process of this user whose last arguments are its title and the ledger. */
export function janitorOf(root: string): ProcessIdentity | undefined {
  const ledger = join(root, ledgerName)
  return readProcesses().find(({ pid, ppid, uid, zombie }) => {
    if (zombie || ppid === process.pid || uid !== process.getuid?.()) return false
    const [program, file] = argumentsOf(pid).slice(-2)
    return file === ledger && program === janitorTitle
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
