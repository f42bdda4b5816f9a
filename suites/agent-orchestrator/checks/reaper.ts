import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { identify } from '../../../harness/processes/table.ts'
import { signalProcess } from '../../../harness/sandbox/finish.ts'
import { fail } from '../../../harness/verdict.ts'
import { waitFor } from '../../../helpers/wait-for.ts'
import { agentEvent } from '../agents.ts'
import { inTerminals, killsAgent } from '../by-hand.ts'
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

const [waiting, active] = [{ json: { state: 'waiting_input' } }, { json: { state: 'active' } }]

/** Tells how a session came to a state that an earlier check put it into. */
const saysState = (exam: Exam, session: string, state: typeof active): void => {
  exam.byHand(exam.curl('POST', '/sessions/{}/activity', [session], state), [session])
}

/** Waits until a session is terminated, or would have to be, and finds it wanting otherwise. */
async function expectReaped(exam: Exam, world: World, name: string, id: string): Promise<Readonly<Record<string, unknown>>> {
  const session = idOf(world, name)
  if (name === 'killed while waiting') saysState(exam, session, waiting)
  exam.byHand(inTerminals(world.can.terminal, 'kill-session', session), [session])
  exam.byHand(`sleep ${reaperMs / 1000}`)
  const endedAt = Number(idOf(world, 'ended at'))
  await comes(async () => (await sessionOf(exam, session)).isTerminated === true, endedAt + reaperMs - Date.now())
  const now = await sessionOf(exam, session)
  exam.expect(now.isTerminated === true, id, 'a session whose terminal is gone is terminated', `${((Date.now() - endedAt) / 1000).toFixed(0)} s after its terminal was ended: ${JSON.stringify(now)}`)
  if (now.isTerminated === true) exam.expect(activityOf(now) === 'exited', 'reaped-activity', 'its activity is exited', JSON.stringify(now))
  return now
}

/** Kills the agent of a session, as a crash or the kernel does, while it is said to work. */
async function killAgent(exam: Exam, session: string): Promise<void> {
  const started = await agentEvent(exam.daemon.agentLog, (event) => event.event === 'started' && event.session === session)
  const agent = started && identify(started.pid)
  if (!agent) throw fail('check-failed', `the agent of session ${session} did not start within 15 s, or ended at once`)
  await exam.api('POST', '/sessions/{}/activity', [session], active)
  signalProcess(agent, 'SIGKILL')
}

/** Tells how to come to a session whose agent was killed. */
function killedByHand(exam: Exam, session: string): void {
  saysState(exam, session, active)
  // It needs a moment to start.
  exam.byHand(`sleep 3; ${killsAgent(session)}; sleep 3`)
}

export const reaperChecks: AoChecks = {
  '9.1 a session whose terminal was ended from outside is terminated': aoCheck(150, async (exam, world) => {
    // Each check tells what of this it is about.
    await exam.one(async () => {
      for (const name of ['killed', 'killed while waiting', 'alive', 'without its agent']) world.memory.set(name, await world.session(exam))
      await exam.api('POST', '/sessions/{}/activity', [idOf(world, 'killed while waiting')], waiting)
      for (const name of ['killed', 'killed while waiting']) await exam.daemon.terminals.kill(idOf(world, name))
      await killAgent(exam, idOf(world, 'without its agent'))
    })
    world.memory.set('ended at', String(Date.now()))
    const session = await expectReaped(exam, world, 'killed', 'not-reaped')
    if (session.isTerminated === true) exam.expect(/reason|reap/i.test(JSON.stringify(session)), 'no-reason', 'it has a reason that names the reaper', JSON.stringify(session), 'unclear')
  }),
  '9.1 so is one that waits for input': aoCheck(100, async (exam, world) => {
    await expectReaped(exam, world, 'killed while waiting', 'waiting-not-reaped')
  }),
  '9.1 a session that lives is left alone': aoCheck(20, async (exam, world) => {
    exam.byHand(`sleep ${reaperMs / 1000}`, [idOf(world, 'alive')])
    const session = await sessionOf(exam, idOf(world, 'alive'))
    exam.expect(session.isTerminated === false, 'reaped-alive', 'a session whose terminal lives goes on', JSON.stringify(session))
  }),
  '9.1 a session whose agent was killed is not said to work': aoCheck(100, async (exam, world) => {
    const id = idOf(world, 'without its agent')
    killedByHand(exam, id)
    exam.byHand(`sleep ${reaperMs / 1000}`)
    const told = await comes(async () => {
      const session = await sessionOf(exam, id)
      return session.isTerminated === true || activityOf(session) !== 'active'
    }, Number(idOf(world, 'ended at')) + reaperMs - Date.now())
    exam.expect(told, 'dead-agent-works', 'a session whose agent is dead is not told as one that works', JSON.stringify(await sessionOf(exam, id)), 'unclear')
  }),
  '5.1 what is sent to an agent that was killed is not run by a shell': aoCheck(40, async (exam, world) => {
    const id = idOf(world, 'without its agent')
    killedByHand(exam, id)
    const mark = 'run-by-a-shell'
    const answer = await exam.api('POST', '/sessions/{}/send', [id], { json: { message: `touch ${mark}` }, mayFail: true })
    // Not `comes`: a shell is no part of AO, and has nothing to do with its rounds.
    const ran = await waitFor(() => existsSync(join(world.worktree(id), mark)) ? true : undefined, { deadlineMs: 6000, otherwise: () => new Error('it was not') }).catch(() => false)
    exam.expect(!ran, 'run-by-shell', 'a message is for the agent: when that is dead, it is refused or kept, and never run', `${answer.shown}; then \`${mark}\` was in the worktree`, 'high', `sleep 3; ls "$AO_DATA_DIR"/worktrees/ws/*/${mark}`)
  }),
}
