import { identify, isAlive } from '../../../harness/processes/table.ts'
import { comes } from '../comes.ts'
import { EventStream, type ServerEvent } from '../events.ts'
import { queryDatabase } from '../database.ts'
import { isRecord, showCli, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import { activityOf, sessionOf, type World } from '../world.ts'

/** Reads a stream and closes it, whatever happens. */
async function reading<T>(exam: Exam, work: (stream: EventStream) => Promise<T>, query = '', headers: Readonly<Record<string, string>> = {}): Promise<T> {
  exam.byHand(`curl -sN -m 5 ${Object.entries(headers).map(([name, value]) => `-H '${name}: ${value}' `).join('')}"http://127.0.0.1:$AO_PORT/api/v1/events${query}" &`)
  const stream = new EventStream(exam.daemon.port, query, headers)
  try {
    await stream.open()
    return await work(stream)
  } finally {
    stream.close()
  }
}

const all = (exam: Exam, count: number, query = '?after=0', headers = {}): Promise<readonly ServerEvent[]> => reading(exam, async (stream) => {
  await stream.until((events) => events.length >= count)
  return [...stream.events]
}, query, headers)
/** Whether an event tells that a session has come to this activity. */
const tells = ({ type, data }: ServerEvent, session: string, state: string): boolean => type === 'session_updated' && data.sessionId === session && isRecord(data.payload) && data.payload.activity === state
const short = (events: readonly ServerEvent[]): string => events.map(({ id, type }) => `${id} ${type}`).join(', ').slice(0, 400)

const burstRounds = 300

/** Makes five events, the first of the daemon: a session and four changes of its activity. */
async function happenings(exam: Exam, world: World): Promise<string> {
  const known = world.memory.get('session')
  if (known !== undefined) return known
  const id = await world.session(exam, { harness: 'kimi' })
  world.memory.set('session', id)
  for (const state of ['active', 'idle', 'waiting_input', 'active']) await exam.api('POST', '/sessions/{}/activity', [id], { json: { state } })
  return id
}

export const cdcChecks: AoChecks = {
  '10.1 what happens is in the log, in order and without gaps': aoCheck(40, async (exam, world) => {
    const id = await happenings(exam, world)
    const events = await all(exam, 5)
    exam.expect(events.some(({ type, data }) => type === 'session_created' && data.sessionId === id), 'created', 'session_created is there', short(events))
    exam.expect(events.filter(({ type }) => type === 'session_updated').length >= 4, 'updated', 'each change of activity is a session_updated', short(events))
    exam.expect(events.every(({ id: seq }, index) => index === 0 || seq === (events[index - 1]?.id ?? 0) + 1), 'gaps', 'the ids rise by one', short(events))
    exam.expect(events.every(({ id: seq, type, data }) => data.seq === seq && data.type === type), 'same-names', 'id and event of the frame are those of its data', JSON.stringify(events[0]))
    const times = events.map(({ data }) => String(data.createdAt))
    exam.expect(times.every((time) => /Z$|\+00:00$/.test(time)), 'time-not-utc', 'createdAt is UTC', times[0] ?? '')
    exam.expect(times.every((time, index) => index === 0 || Date.parse(time) >= Date.parse(times[index - 1] ?? '')), 'times-order', 'createdAt never goes back', times.join(', '), 'low')
    const states = events.filter(({ type, data }) => type === 'session_updated' && data.sessionId === id).map(({ data }) => isRecord(data.payload) ? data.payload.activity : undefined)
    exam.expect(JSON.stringify(states.slice(0, 4)) === JSON.stringify(['active', 'idle', 'waiting_input', 'active']), 'payload', 'the events tell each activity in turn', JSON.stringify(states))
  }),
  '10.1 the table change_log has what the stream tells': aoCheck(60, async (exam, world) => {
    await happenings(exam, world)
    const line = ({ id, type, data }: ServerEvent): string => JSON.stringify([id, type, data.payload])
    const before = (await all(exam, 5)).map(line)
    await world.daemon.stop()
    const rows = queryDatabase(world.daemon, 'select seq, event_type as type, payload from change_log order by seq').map(({ seq, type, payload }) => JSON.stringify([seq, type, JSON.parse(String(payload))]))
    await world.daemon.start()
    const after = (await all(exam, rows.length)).map(line)
    const differ = [...before.map((event, index) => [event, rows[index] ?? 'no row']), ...rows.map((row, index) => [after[index] ?? 'no event', row])].find(([event, row]) => event !== row)
    exam.expect(differ === undefined, 'table', 'the table change_log has each event of the stream, and nothing else', () => `the stream tells ${differ?.[0] ?? ''}, the table has ${differ?.[1] ?? ''}`, 'high', `ao stop; sqlite3 "$AO_DATA_DIR/ao.db" 'select seq, event_type, payload from change_log order by seq'`)
  }),
  '10.1 what changes nothing is no event': aoCheck(20, async (exam, world) => {
    const id = await world.session(exam, { harness: 'kimi' })
    for (const state of ['active', 'active', 'active', 'active', 'waiting_input']) await exam.api('POST', '/sessions/{}/activity', [id], { json: { state }, as: 'the same again' })
    await reading(exam, async (stream) => {
      // Events come in order: with the last one all are there.
      await stream.until((events) => events.some((event) => tells(event, id, 'waiting_input')))
      const its = stream.events.filter(({ type, data }) => type === 'session_updated' && data.sessionId === id)
      exam.expect(its.length === 2, 'repeated', 'the same state again makes no event', short(its))
    }, '?after=0')
  }),
  '10.2 the stream replays, then goes on live': aoCheck(30, async (exam, world) => {
    const id = await happenings(exam, world)
    await reading(exam, async (stream) => {
      exam.expect(stream.status === 200 && stream.contentType.startsWith('text/event-stream'), 'content-type', 'it answers text/event-stream', `${stream.status} ${stream.contentType}`)
      await stream.until((events) => events.length >= 5)
      exam.expect(stream.events[0]?.id === 1, 'replay', 'it begins with the first event', short(stream.events))
      // What was made before this check may still be on its way.
      const count = (events: readonly ServerEvent[]): number => events.filter((event) => tells(event, id, 'waiting_input')).length
      const sent = performance.now()
      await exam.api('POST', '/sessions/{}/activity', [id], { json: { state: 'waiting_input' } })
      const came = await stream.until((events) => count(events) > 1)
      exam.expect(came, 'live', 'what happens now arrives', `nothing within ${((performance.now() - sent) / 1000).toFixed(1)} s`)
      exam.expect(stream.events.every(({ id: seq }, index) => index === 0 || seq === (stream.events[index - 1]?.id ?? 0) + 1), 'seam', 'no event is lost or told twice between replay and live', short(stream.events))
    })
  }),
  '10.2 the cursor is honoured': aoCheck(40, async (exam, world) => {
    await happenings(exam, world)
    const whole = await all(exam, 5)
    const third = whole[2]?.id ?? 3
    for (const [as, query, headers] of [['?after', `?after=${third}`, {}], ['Last-Event-ID', '', { 'Last-Event-ID': String(third) }], ['both: after wins', `?after=${third}`, { 'Last-Event-ID': '0' }]] as const) {
      const events = await all(exam, whole.length - 3, query, headers)
      exam.expect(events[0]?.id === third + 1, `cursor ${as}`, `it begins after ${third}`, `${as}: ${short(events)}`)
    }
    for (const after of ['x', '-1', '1.5', '99999999999999999999', '1e3']) {
      const answer = await exam.stream(`after=${after}`)
      exam.expect(answer.status === 400, `bad-cursor ${after}`, `?after=${after} is refused`, `${answer.status} ${answer.text.slice(0, 200)}`, 'low')
    }
    await reading(exam, async (stream) => {
      await stream.open()
      exam.expect(stream.status === 200, 'future', 'a cursor that lies ahead is no error, and waits', String(stream.status), 'low')
    }, '?after=999999')
  }),
  '10.2 two readers read the same': aoCheck(30, async (exam, world) => {
    await happenings(exam, world)
    const [one, other] = await Promise.all([all(exam, 5), all(exam, 5)])
    const size = Math.min(one.length, other.length)
    exam.expect(size >= 5 && JSON.stringify(one.slice(0, size).map(({ id, data }) => [id, data])) === JSON.stringify(other.slice(0, size).map(({ id, data }) => [id, data])), 'readers', 'two readers get the same events', `${short(one)} and ${short(other)}`)
  }),
  '10.2 many events at once lose none': aoCheck(90, async (exam, world) => {
    const id = await happenings(exam, world)
    const before = (await all(exam, 5)).at(-1)?.id ?? 0
    await reading(exam, async (stream) => {
      // More than AO keeps for a reader that is slow (1024), and replays at a time (512).
      for (let round = 0; round < burstRounds; round += 1) await exam.one(() => Promise.all(['active', 'idle', 'active', 'idle'].map((state) => exam.api('POST', '/sessions/{}/activity', [id], { json: { state }, as: 'many' }))))
      // What nothing before it tells.
      await exam.api('POST', '/sessions/{}/activity', [id], { json: { state: 'waiting_input' } })
      const ended = (events: readonly ServerEvent[]): boolean => events.some((event) => tells(event, id, 'waiting_input'))
      await stream.until(ended, 30_000)
      exam.expect(ended(stream.events) && stream.events.every(({ id: seq }, index) => seq === before + index + 1), 'burst', 'the ids rise by one, also in a burst', `${stream.events.length} events, last ${short(stream.events.slice(-3))}`)
      const log = await all(exam, stream.events.length, `?after=${before}`)
      exam.expect(JSON.stringify(log.slice(0, stream.events.length).map(({ data }) => data)) === JSON.stringify(stream.events.map(({ data }) => data)), 'burst-log', 'who reads live reads what the log has', `live ${short(stream.events.slice(-3))}, the log ${short(log.slice(-3))}`)
    }, `?after=${before}`)
  }),
  '10.2 a restart replays the same, and goes on counting': aoCheck(40, async (exam, world) => {
    const id = await happenings(exam, world)
    const before = await all(exam, 5)
    await world.daemon.stop()
    await world.daemon.start()
    const after = await all(exam, before.length)
    exam.expect(JSON.stringify(after.slice(0, before.length).map(({ data }) => data)) === JSON.stringify(before.map(({ data }) => data)), 'replay-changed', 'after a restart the replay is the same', `${short(before)}; after: ${short(after)}`)
    const state = activityOf(await sessionOf(exam, id)) === 'active' ? 'idle' : 'active'
    await exam.api('POST', '/sessions/{}/activity', [id], { json: { state }, mayFail: true })
    const more = await all(exam, before.length + 1)
    exam.expect(more.some((event) => event.id > (before.at(-1)?.id ?? 0) && tells(event, id, state)) && more.every(({ id: seq }, index) => index === 0 || seq === (more[index - 1]?.id ?? 0) + 1), 'restart-gap', 'the count goes on', short(more))
  }),
  '10.2 stop ends also while somebody reads': aoCheck(80, async (exam, world) => {
    await happenings(exam, world)
    const patience = 6
    await world.daemon.stop()
    await world.daemon.start({ AO_SHUTDOWN_TIMEOUT: `${patience}s` })
    exam.byHand(`ao stop; AO_SHUTDOWN_TIMEOUT=${patience}s ao start --log-file daemon.log`)
    const [offset, pid] = [exam.daemon.logText().length, exam.daemon.pid() ?? 0]
    const process = identify(pid)
    const { answer, seconds } = await reading(exam, async () => {
      const began = performance.now()
      const answer = await exam.ao(['stop', '--json', '--timeout', '25s'])
      await comes(() => process === undefined || !isAlive(process), 10_000)
      return { answer, seconds: (performance.now() - began) / 1000 }
    })
    exam.expect(answer.exitCode === 0, 'stop-while-reading', 'stop succeeds', showCli(answer))
    exam.expect(seconds < patience, 'stop-waits-for-readers', `an open stream does not hold the stop up (AO_SHUTDOWN_TIMEOUT is ${patience} s here)`, `${seconds.toFixed(1)} s`, 'low')
    const errors = exam.daemon.logText().slice(offset).split('\n').filter((line) => line.includes('level=ERROR') || line.includes('deadline exceeded'))
    exam.expect(errors.length === 0, 'stop-error', 'and is no error of the daemon', errors.join(' | '), 'low', 'tail -3 daemon.log')
    const again = await world.daemon.start()
    exam.expect(again.exitCode === 0, 'start-after', 'it starts again', showCli(again))
  }),
}
