import { fail } from '../../../harness/verdict.ts'
import { waitFor } from '../../../helpers/wait-for.ts'
import { check } from '../../../harness/suite.ts'
import { Exam, Seen } from '../exam.ts'
import { lane } from '../states.ts'
import { activityOf, sessionOf } from '../world.ts'
import { daemonOf } from './checks-lane.ts'

/** AO leaves a session alone that was active in the last minute, and looks every 5 s. Milliseconds, with a margin. */
const reaperMs = 75_000

const titles = {
  killed: '9.1 a session whose terminal was ended from outside is terminated',
  waiting: '9.1 so is one that waits for input',
  alive: '9.1 a session that lives is left alone',
} as const

/** Its sessions were made, and ended from outside, in lane bootstrap: by now time has passed. */
export const reaper = lane({
  name: 'reaper', proves: 'sessions that died by themselves are noticed, and no others', needs: 'built', leaves: 'built',
  steps: { [titles.killed]: check(100), [titles.waiting]: check(30), [titles.alive]: check(20) },
  work: async ({ facts, check }) => {
    const { reaped } = facts
    for (const [name, title] of Object.entries(titles)) {
      await check(title, async (context) => {
        if (!reaped) throw fail('check-failed', 'there are no sessions to be reaped: lane bootstrap could not make them')
        const daemon = daemonOf(context, facts, 'reaper')
        const exam = new Exam(daemon, new Seen(), title, context.finding, context.signal)
        const lost = await daemon.terminals.lost()
        if (lost.length > 0) throw fail('harness-bug', `the terminal server of ${daemon.root} died: session ${lost.join(', ')} is gone, and nobody ended it`)
        exam.byHand('# spawn a session, end its terminal session from outside, wait for 75 s')
        const id = name === 'killed' ? reaped.killed : name === 'waiting' ? reaped.killedWhileWaiting : reaped.alive
        const rest = Math.max(1, reaped.at + reaperMs - Date.now())
        const terminated = (): Promise<true | undefined> => sessionOf(exam, id).then((session) => session.isTerminated === true ? true : undefined)
        if (name === 'alive') {
          exam.expect((await terminated()) === undefined, 'reaped-alive', 'a session whose terminal lives goes on', JSON.stringify(await sessionOf(exam, id)))
          exam.flush()
          await daemon.stop()
          return
        }
        await waitFor(terminated, { deadlineMs: rest, everyMs: 500, signal: context.signal, otherwise: () => new Error('not terminated') }).catch(() => undefined)
        const session = await sessionOf(exam, id)
        exam.expect(session.isTerminated === true, name === 'killed' ? 'not-reaped' : 'waiting-not-reaped', 'a session whose terminal is gone is terminated', `${((Date.now() - reaped.at) / 1000).toFixed(0)} s after its terminal was ended: ${JSON.stringify(session)}`)
        if (session.isTerminated === true) exam.expect(activityOf(session) === 'exited', 'reaped-activity', 'its activity is exited', JSON.stringify(session))
        if (name === 'killed') exam.expect(/reason|reap/i.test(JSON.stringify(session)), 'no-reason', 'it has a reason that names the reaper', JSON.stringify(session), 'unclear')
        exam.flush()
      })
    }
    return facts
  },
})
