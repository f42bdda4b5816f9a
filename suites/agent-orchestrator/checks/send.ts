import { waitFor } from '../../../helpers/wait-for.ts'
import { agentEvent, agentEvents } from '../agents.ts'
import { showCli, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import type { World } from '../world.ts'

const target = async (exam: Exam, world: World): Promise<string> => {
  const known = world.memory.get('target')
  if (known !== undefined) return known
  const id = await world.session(exam, { harness: 'kimi' })
  await agentEvent(world.daemon.agentLog, ({ event, session }) => event === 'started' && session === id, 10_000)
  world.memory.set('target', id)
  return id
}
const linesOf = (world: World, session: string): string[] => agentEvents(world.daemon.agentLog).filter((event) => event.event === 'line' && event.session === session).map(({ text }) => text ?? '')
/** The lines of a session from the given count on, once `fits`, or whatever came by then. */
const linesAfter = async (world: World, session: string, count: number, fits: (lines: string[]) => boolean): Promise<string[]> =>
  waitFor(() => fits(linesOf(world, session).slice(count)) ? linesOf(world, session).slice(count) : undefined, { deadlineMs: 6000, otherwise: () => new Error('none') }).catch(() => linesOf(world, session).slice(count))
/** The lines of a session from the given count on. One message more is sent after what was sent before: when that is there, all of it is, and nothing of it comes into the next check. */
async function settledAfter(exam: Exam, world: World, session: string, count: number): Promise<string[]> {
  const last = 'that was all'
  await exam.api('POST', '/sessions/{}/send', [session], { json: { message: last }, untold: true })
  return (await linesAfter(world, session, count, (got) => got.includes(last))).filter((line) => line !== last)
}

export const sendChecks: AoChecks = {
  '5.1 send reaches the agent, and the screen': aoCheck(40, async (exam, world) => {
    const id = await target(exam, world)
    const answer = await exam.ao(['send', '--session', id, '--message', 'hello from outside'])
    exam.expect(answer.exitCode === 0, 'send', 'send succeeds', showCli(answer))
    const lines = await settledAfter(exam, world, id, 0)
    exam.expect(lines.join('\n') === 'hello from outside', 'arrived', 'the agent gets the message, once', JSON.stringify(lines))
    const screen = await waitFor(async () => (await world.daemon.terminals.screen(id)).includes('hello from outside') ? true : undefined, { deadlineMs: 9000, otherwise: () => new Error('no') }).catch(() => false)
    exam.expect(screen, 'pane', 'the pane shows it', await world.daemon.terminals.screen(id))
  }),
  '5.2 the sender stands before the message': aoCheck(20, async (exam, world) => {
    const id = await target(exam, world)
    const count = linesOf(world, id).length
    const answer = await exam.ao(['send', '--session', id, '--message', 'ping'], { env: { AO_SESSION_ID: 'aa-orchestrator' } })
    const lines = await linesAfter(world, id, count, (got) => got.length > 0)
    exam.expect(lines[0] === '[from aa-orchestrator] ping', 'prefix', 'the agent reads `[from aa-orchestrator] ping`', `${JSON.stringify(lines)}; ${showCli(answer)}`)
  }),
  '5.3 what cannot be sent is refused, and does not arrive': aoCheck(40, async (exam, world) => {
    const id = await target(exam, world)
    const count = linesOf(world, id).length
    const cli = await exam.ao(['send', '--session', id, '--message', ''])
    exam.expect(cli.exitCode !== 0, 'empty-cli', 'an empty --message is refused', showCli(cli))
    for (const [as, { codes, ...options }] of Object.entries({
      'an empty message': { json: { message: '' }, codes: ['MESSAGE_REQUIRED'] },
      '4097 bytes': { json: { message: 'x'.repeat(4097) }, codes: ['MESSAGE_TOO_LONG'] },
      'a number': { json: { message: 7 }, codes: [] }, 'no body': { raw: '', codes: [] }, 'half of JSON': { raw: '{"message":', codes: [] },
    } as Record<string, { json?: unknown; raw?: string; codes: string[] }>)) await exam.refused('POST', '/sessions/{}/send', [id], { ...options, as }, codes)
    await exam.refused('POST', '/sessions/{}/send', ['nobody-1'], { json: { message: 'x' }, as: 'an unknown session' }, ['SESSION_NOT_FOUND'])
    const arrived = await settledAfter(exam, world, id, count)
    exam.expect(arrived.length === 0, 'refused-arrived', 'nothing of it reaches the agent', JSON.stringify(arrived))
    for (const [as, message] of Object.entries({ 'only blanks': ' \n ', 'only control characters': '\u0000\u001b' })) await exam.refused('POST', '/sessions/{}/send', [id], { json: { message }, as }, ['MESSAGE_REQUIRED'])
    await settledAfter(exam, world, id, linesOf(world, id).length)
  }),
  '5.3 control characters are taken out': aoCheck(20, async (exam, world) => {
    const id = await target(exam, world)
    const count = linesOf(world, id).length
    await exam.api('POST', '/sessions/{}/send', [id], { json: { message: 'a\u001b[31mb\u0000c\u0003\u0004d' } })
    const lines = await linesAfter(world, id, count, (got) => got.length > 0)
    exam.expect(lines.join('|') === 'a[31mbcd', 'control', 'the agent gets `a[31mbcd`', JSON.stringify(lines))
  }),
  ...Object.fromEntries(Object.entries({
    '4096 bytes': 'y'.repeat(4096), 'a leading dash': '-v is no flag', 'quotes and dollars': `it's "$HOME" \`id\` $(id) \\ ; # %s`, 'umlauts and emoji': 'Füße 🦶 日本語', 'a name of a key': 'Enter', 'a trailing backslash': 'end\\',
  }).map(([as, message]) => [`5.1 send keeps ${as}`, aoCheck(20, async (exam: Exam, world: World) => {
    const id = await target(exam, world)
    const count = linesOf(world, id).length
    const answer = await exam.api('POST', '/sessions/{}/send', [id], { json: { message } })
    exam.expect(answer.status === 200, 'send', `${as} can be sent`, answer.shown)
    const lines = await linesAfter(world, id, count, (got) => got.length > 0)
    exam.expect(lines.join('\n') === message, 'kept', `the agent gets it as it is: ${message.slice(0, 60)}`, JSON.stringify(lines).slice(0, 300))
  })])),
  '5.1 many in a row arrive once and in order': aoCheck(60, async (exam, world) => {
    const id = await target(exam, world)
    const count = linesOf(world, id).length
    const messages = Array.from({ length: 10 }, (_, index) => `message ${index}`)
    for (const message of messages) await exam.api('POST', '/sessions/{}/send', [id], { json: { message }, as: 'in a row' })
    const lines = await linesAfter(world, id, count, (got) => got.length >= messages.length)
    exam.expect(JSON.stringify(lines) === JSON.stringify(messages), 'order', 'ten messages arrive once each, in order', JSON.stringify(lines))
  }),
  '5.1 two at the same time do not mix': aoCheck(40, async (exam, world) => {
    const id = await target(exam, world)
    const count = linesOf(world, id).length
    const messages = ['a'.repeat(600), 'b'.repeat(600), 'c'.repeat(600)]
    exam.byHand(messages.map((message) => `${exam.curl('POST', '/sessions/{}/send', [id], { json: { message } })} &`).join(' '), [id])
    exam.byHand('wait # and look at the pane')
    await Promise.all(messages.map((message) => exam.api('POST', '/sessions/{}/send', [id], { json: { message }, as: 'at once', untold: true })))
    const lines = await linesAfter(world, id, count, (got) => got.join('').length >= 1800)
    exam.expect(JSON.stringify(lines.filter((line) => line !== '').toSorted()) === JSON.stringify(messages), 'mixed', 'messages that are sent at once arrive whole, a line each', lines.map((line) => `${line.slice(0, 3)}..${line.slice(-3)} (${line.length})`).join(', '))
  }),
  '5.1 send to a session that has ended': aoCheck(30, async (exam, world) => {
    const id = await world.session(exam, { harness: 'kimi' })
    await exam.api('POST', '/sessions/{}/kill', [id], { mayFail: true })
    await exam.refused('POST', '/sessions/{}/send', [id], { json: { message: 'x' }, as: 'a session that has ended' }, ['SESSION_TERMINATED'])
  }),
  '5.1 send to a session whose terminal has died': aoCheck(30, async (exam, world) => {
    const id = await world.session(exam, { harness: 'kimi' })
    await world.daemon.terminals.kill(id)
    exam.byHand(`# end the terminal session ${id} from outside`)
    const answer = await exam.api('POST', '/sessions/{}/send', [id], { json: { message: 'x' }, as: 'a terminal that has died', mayFail: true })
    exam.expect(answer.status >= 400, 'lost', 'a message that reaches nobody is no success', answer.shown)
  }),
}
