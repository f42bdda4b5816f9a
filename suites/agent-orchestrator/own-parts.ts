import { existsSync, readFileSync, statfsSync } from 'node:fs'
import { identify, isAlive } from '../../harness/processes/table.ts'
import { excerpt } from '../../harness/redaction/excerpt.ts'
import { fail, VerdictError } from '../../harness/verdict.ts'
import { comes } from './comes.ts'
import type { Daemon } from './daemon.ts'
import type { Exam } from './exam.ts'

/** What of our own has died under a daemon: from then on nothing that AO does can be blamed on AO. */
const died = new WeakMap<Daemon, string>()

/** How the shell and node say that a program is not there or not sound; node complains of other things, too, when its terminal is taken away. */
const startError = /not found|cannot find|no such file|permission denied|SyntaxError/i

/** @returns what died, for a verdict; undefined while all is sound */
async function lookAtOwnParts(daemon: Daemon): Promise<string | undefined> {
  const error = existsSync(daemon.standInErrors) ? readFileSync(daemon.standInErrors, 'utf8').split('\n').find((line) => startError.test(line)) : undefined
  if (error !== undefined) return `a recording agent stand-in did not start: ${excerpt(error.trim(), 300)}`
  const lost = await daemon.terminals.lost()
  return lost.length === 0 ? undefined : `the terminal server of ${daemon.root} died: ${daemon.terminals.kind} session ${lost.join(', ')} is gone, and nobody ended it`
}

function lives(pid: number): boolean {
  const process = identify(pid)
  return process !== undefined && isAlive(process)
}

/** Room below which nothing that fails can be blamed on AO: a database, a worktree and a log grow by less. Bytes. */
const leastRoom = 1_000_000

/** @returns what is wrong when the disk of the sandbox is full */
function fullDisk(daemon: Daemon): string | undefined {
  const { bavail, bsize } = statfsSync(daemon.root)
  return bavail * bsize < leastRoom ? `the disk is full: ${daemon.root} has ${((bavail * bsize) / 1000).toFixed(0)} kB free` : undefined
}

/** Says from now on of every check of a daemon that a part of ours is dead. */
export function markDead(daemon: Daemon, why: string): void {
  died.set(daemon, why)
}

/**
 * Does a check's work, and lets what it finds count only when our own parts, agents and terminals, outlived it.
 * @param runs the daemon is to run when it has ended
 * @throws VerdictError of clone-smoke's own when they did not, whatever the work fell over; one that says so when the daemon is gone
 */
export async function onOwnParts(exam: Exam, work: () => Promise<void>, { runs = false }: { readonly runs?: boolean } = {}): Promise<void> {
  // What was dead before needs no work to be told again.
  if (died.has(exam.daemon)) await expectOwnParts(exam)
  try {
    await work()
  } catch (error) {
    if (!(error instanceof VerdictError && error.verdict.class === 'harness-bug')) {
      await expectOwnParts(exam)
      // A process that was killed answers nobody for a while before it has gone.
      if (runs) await comes(() => { const pid = exam.daemon.pid(); return pid === undefined || !lives(pid) }, 1000)
      if (runs) expectDaemon(exam)
    }
    throw error
  }
  await expectOwnParts(exam)
  if (runs) expectDaemon(exam)
}

/** @throws VerdictError when the daemon is gone, which a check that needs it leaves running */
function expectDaemon(exam: Exam): void {
  const { daemon } = exam
  const pid = daemon.pid()
  if (pid !== undefined && lives(pid)) return
  daemon.ended = `the daemon is gone: ${pid === undefined ? 'its run file is not there' : `its process ${pid} has ended`}, and nobody stopped it`
  exam.forget()
  throw fail('check-failed', daemon.ended, { evidence: [daemon.logEvidence], remedy: 'look for a panic at the end of its log; without one somebody killed it' })
}

async function expectOwnParts(exam: Exam): Promise<void> {
  const { daemon } = exam
  const full = fullDisk(daemon)
  if (full !== undefined) {
    exam.forget()
    daemon.ended = full
    throw fail('resources', full, { remedy: 'free some space, or set SMOKE_WORKSPACE to another place; what was found about AO meanwhile does not count' })
  }
  const dead = died.get(daemon) ?? await lookAtOwnParts(daemon)
  if (dead === undefined) return
  died.set(daemon, dead)
  exam.forget()
  throw fail('harness-bug', dead, { evidence: [daemon.logEvidence], remedy: 'look who ended it, and run the lane again; what it found about AO from then on does not count' })
}
