import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseTranscript, TranscriptReader, type Transcript } from './transcript.ts'

const fixture = (version: string, name: string): string => readFileSync(new URL(`./fixtures/${version}/${name}.jsonl`, import.meta.url), 'utf8')
const versions = ['0.63.0', '0.100.0', '0.169.0']
const calls = ({ calls }: Transcript): string[] => calls.map(({ server, tool, status, error }) => `${server}/${tool} ${status}${error === undefined ? '' : ' with error'}`)

const recorded: Readonly<Record<string, { turn: Transcript['turn']; calls: readonly string[] | Readonly<Record<string, readonly string[]>> }>> = {
  ok: { turn: 'completed', calls: ['probe/ok completed'] },
  iserror: { turn: 'completed', calls: ['probe/fail failed'] },
  rpcerr: { turn: 'completed', calls: ['probe/rpcerr failed with error'] },
  // Recorded without the approval key: only the newest asks for it.
  destroy: { turn: 'completed', calls: { '0.63.0': ['probe/destroy completed'], '0.100.0': ['probe/destroy completed'], '0.169.0': ['probe/destroy failed with error'] } },
  missing_ns: { turn: 'completed', calls: [] },
  badargs: { turn: 'completed', calls: [] },
  shell_fail: { turn: 'completed', calls: [] },
  empty_completed: { turn: 'completed', calls: [] },
  second_500: { turn: 'failed', calls: ['probe/ok completed'] },
  http400: { turn: 'failed', calls: [] },
  http401: { turn: 'failed', calls: [] },
  http500: { turn: 'failed', calls: [] },
  hang_idle3s: { turn: 'failed', calls: [] },
  closed_after_item: { turn: 'failed', calls: [] },
  destroy_socket: { turn: 'failed', calls: [] },
}

test.each(versions.flatMap((version) => Object.keys(recorded).map((name) => ({ version, name }))))('$version $name', ({ version, name }) => {
  const transcript = parseTranscript(fixture(version, name))
  const expected = recorded[name]
  expect(transcript.turn).toBe(expected?.turn)
  expect(calls(transcript)).toEqual(Array.isArray(expected?.calls) ? expected.calls : (expected?.calls as Record<string, string[]>)[version])
  expect(transcript).toMatchObject({ unknown: {}, unparsed: [], cutLine: undefined })
  expect(transcript.failure === undefined).toBe(expected?.turn !== 'failed')
  expect(transcript.warnings).toHaveLength(version === '0.169.0' ? 1 : 0)
})

test.each(['0.63.0', '0.169.0'])('every item type of %s is known', (version) => {
  expect(parseTranscript(fixture(version, 'item_types'))).toMatchObject({ turn: 'completed', unknown: {}, unparsed: [], messages: ['done'], calls: [] })
})

test('a tool answer with isError keeps its result; a protocol error keeps its message', () => {
  const failed = parseTranscript(fixture('0.169.0', 'iserror')).calls[0]
  expect(failed).toMatchObject({ result: { content: [{ text: 'tool failed on purpose' }] } })
  expect(failed).not.toHaveProperty('error')
  const refused = parseTranscript(fixture('0.169.0', 'rpcerr')).calls[0]
  expect(refused?.error).toContain('Mcp error: -32602')
  expect(refused).not.toHaveProperty('result')
})

const lines = (...events: object[]): string => events.map((event) => `${JSON.stringify(event)}\n`).join('')
const item = (kind: 'started' | 'updated' | 'completed', id: string, status: string, more: object = {}): object =>
  ({ type: `item.${kind}`, item: { id, type: 'mcp_tool_call', server: 's', tool: `t${id}`, status, ...more } })
const completed = { type: 'turn.completed', usage: { input_tokens: 2, output_tokens: 1 } }

test('calls that overlap are paired by id and stay in the order they began', () => {
  const transcript = parseTranscript(lines(
    item('started', '1', 'in_progress', { arguments: { a: 1 } }), item('started', '2', 'in_progress'),
    item('completed', '2', 'failed', { error: { message: 'gone' } }), item('updated', '1', 'in_progress'), item('completed', '1', 'completed', { result: {} }),
  ))
  expect(transcript.calls).toEqual([
    { server: 's', tool: 't1', arguments: { a: 1 }, status: 'completed', result: {} },
    { server: 's', tool: 't2', arguments: undefined, status: 'failed', error: 'gone' },
  ])
})

test('a call that never ends is abandoned', () => {
  expect(calls(parseTranscript(lines(item('started', '1', 'in_progress'), item('updated', '1', 'in_progress'))))).toEqual(['s/t1 abandoned'])
})

test('an id that comes again is another call', () => {
  const once = [item('started', '1', 'in_progress'), item('completed', '1', 'completed')]
  expect(calls(parseTranscript(lines(...once, ...once)))).toEqual(['s/t1 completed', 's/t1 completed'])
})

test('items as 0.50 wrote them, without arguments, result and error, are calls', () => {
  expect(parseTranscript(lines(item('started', '1', 'in_progress'), item('completed', '1', 'completed'))).calls).toEqual([
    { server: 's', tool: 't1', arguments: undefined, status: 'completed' },
  ])
})

test('usage is summed over turns, by whatever names it has', () => {
  expect(parseTranscript(lines(completed, completed, { type: 'turn.completed' })).usage).toEqual({ input_tokens: 4, output_tokens: 2 })
})

test('an error event is not final', () => {
  const transcript = parseTranscript(lines({ type: 'turn.started' }, { type: 'error', message: 'Reconnecting... 1/5' }, completed))
  expect(transcript).toMatchObject({ turn: 'completed', errors: ['Reconnecting... 1/5'], failure: undefined })
})

test('unknown events and items are kept and counted', () => {
  const transcript = parseTranscript(lines({ type: 'moon.rose' }, { type: 'moon.rose' }, { type: 'item.completed', item: { id: '1', type: 'poem' } }, completed))
  expect(transcript).toMatchObject({ unknown: { 'moon.rose': 2, 'item poem': 1 }, unparsed: [], events: 4, turn: 'completed' })
})

test.each([
  ['no JSON', 'thread started'],
  ['JSON, but no event', '{"kind":"turn.started"}'],
  ['a list', '[1]'],
  ['an item without a type', '{"type":"item.started","item":{"id":"1"}}'],
  ['a call without a tool', '{"type":"item.started","item":{"id":"1","type":"mcp_tool_call","server":"s","status":"in_progress"}}'],
  ['a call of a status not known', JSON.stringify(item('completed', '1', 'maybe'))],
  ['a failure without a message', '{"type":"turn.failed"}'],
])('a line that is %s is kept with its number', (_, bad) => {
  const transcript = parseTranscript(`${lines({ type: 'turn.started' })}\n${bad}\n${lines(completed)}`)
  expect(transcript.unparsed).toEqual([{ line: 3, text: bad }])
  expect(transcript).toMatchObject({ turn: 'completed', events: 2, cutLine: undefined })
})

test('a last line that is cut off is reported apart', () => {
  const whole = fixture('0.169.0', 'ok')
  const transcript = parseTranscript(whole.slice(0, -30))
  expect(transcript.cutLine).toMatchObject({ line: 7 })
  expect(transcript).toMatchObject({ unparsed: [], turn: 'started' })
  expect(calls(transcript)).toEqual(['probe/ok completed'])
  expect(transcript.lastEvent).toBe('item.completed agent_message (line 6)')
})

test('no prefix of a transcript makes the parser throw', () => {
  const whole = fixture('0.169.0', 'ok')
  for (let end = 0; end <= whole.length; end += 1) {
    const { turn, unparsed } = parseTranscript(whole.slice(0, end))
    expect(unparsed).toEqual([])
    // Without its line end the last event is whole all the same.
    expect(turn === 'completed').toBe(end >= whole.length - 1)
  }
})

test('what arrives line by line reads as the whole does', () => {
  const reader = new TranscriptReader()
  for (const line of fixture('0.100.0', 'second_500').trimEnd().split('\n')) reader.push(line)
  expect(reader.read()).toEqual(parseTranscript(fixture('0.100.0', 'second_500')))
})

test('silence is no turn', () => {
  expect(parseTranscript('')).toMatchObject({ turn: 'none', events: 0, lastEvent: undefined, calls: [] })
})
