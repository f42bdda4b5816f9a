import { fail } from '../../../harness/verdict.ts'
import { comes } from '../comes.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import type { Exam } from '../exam.ts'
import { activityOf, sessionOf, type World } from '../world.ts'

/** AO leaves a session alone that was active in the last minute, and looks every 5 s. Milliseconds, with a margin. */
const reaperMs = 75_000

const idOf = (world: World, name: string): string => {
  const id = world.memory.get(name)
  if (id === undefined) throw fail('check-failed', 'there are no sessions to be reaped: the first check could not make them')
  return id
}

/** Waits until a session is terminated, or would have to be, and finds it wanting otherwise. */
async function expectReaped(exam: Exam, world: World, name: string, id: string): Promise<Readonly<Record<string, unknown>>> {
  exam.byHand('# spawn a session, end its terminal session from outside, wait for 75 s')
  const session = idOf(world, name)
  const endedAt = Number(idOf(world, 'ended at'))
  await comes(async () => (await sessionOf(exam, session)).isTerminated === true, endedAt + reaperMs - Date.now())
  const now = await sessionOf(exam, session)
  exam.expect(now.isTerminated === true, id, 'a session whose terminal is gone is terminated', `${((Date.now() - endedAt) / 1000).toFixed(0)} s after its terminal was ended: ${JSON.stringify(now)}`)
  if (now.isTerminated === true) exam.expect(activityOf(now) === 'exited', 'reaped-activity', 'its activity is exited', JSON.stringify(now))
  return now
}

export const reaperChecks: AoChecks = {
  '9.1 a session whose terminal was ended from outside is terminated': aoCheck(150, async (exam, world) => {
    for (const name of ['killed', 'killed while waiting', 'alive']) world.memory.set(name, await world.session(exam))
    await exam.api('POST', '/sessions/{}/activity', [idOf(world, 'killed while waiting')], { json: { state: 'waiting_input' } })
    for (const name of ['killed', 'killed while waiting']) await exam.daemon.terminals.kill(idOf(world, name))
    world.memory.set('ended at', String(Date.now()))
    const session = await expectReaped(exam, world, 'killed', 'not-reaped')
    if (session.isTerminated === true) exam.expect(/reason|reap/i.test(JSON.stringify(session)), 'no-reason', 'it has a reason that names the reaper', JSON.stringify(session), 'unclear')
  }),
  '9.1 so is one that waits for input': aoCheck(100, async (exam, world) => {
    await expectReaped(exam, world, 'killed while waiting', 'waiting-not-reaped')
  }),
  '9.1 a session that lives is left alone': aoCheck(20, async (exam, world) => {
    const session = await sessionOf(exam, idOf(world, 'alive'))
    exam.expect(session.isTerminated === false, 'reaped-alive', 'a session whose terminal lives goes on', JSON.stringify(session))
  }),
}
