import { existsSync, readFileSync } from 'node:fs'
import { excerpt } from '../../harness/redaction/excerpt.ts'
import { fail, VerdictError } from '../../harness/verdict.ts'
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

/**
 * Does a check's work, and lets what it finds count only when our own parts, agents and terminals, outlived it.
 * @throws VerdictError of clone-smoke's own when they did not, whatever the work fell over
 */
export async function onOwnParts(exam: Exam, work: () => Promise<void>): Promise<void> {
  // What was dead before needs no work to be told again.
  if (died.has(exam.daemon)) await expectOwnParts(exam)
  try {
    await work()
  } catch (error) {
    if (!(error instanceof VerdictError && error.verdict.class === 'harness-bug')) await expectOwnParts(exam)
    throw error
  }
  await expectOwnParts(exam)
}

async function expectOwnParts(exam: Exam): Promise<void> {
  const { daemon } = exam
  const dead = died.get(daemon) ?? await lookAtOwnParts(daemon)
  if (dead === undefined) return
  died.set(daemon, dead)
  exam.forget()
  throw fail('harness-bug', dead, { evidence: [daemon.logEvidence], remedy: 'look who ended it, and run the lane again; what it found about AO from then on does not count' })
}
