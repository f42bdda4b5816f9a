import { expect, test } from 'vitest'
import type { AgentOutcome, ObservedCall } from '../agents/agent.ts'
import { parseTranscript } from '../agents/codex/transcript.ts'
import { sessionRecord as recordOf } from './conversation.ts'

const call = (tool: string, text?: string): ObservedCall => ({
  server: 's', tool, arguments: { a: 1 }, status: 'completed', ...(text !== undefined && { result: { content: [{ type: 'text', text }] } }),
})
const same = (text: string): string => text
const asked = { prompt: 'do it', calls: [] }
const sessionRecord = (...of: Parameters<typeof recordOf> extends [unknown, ...infer Rest] ? Rest : never): ReturnType<typeof recordOf> => recordOf(asked, ...of)
const outcome = (more: Partial<AgentOutcome>): AgentOutcome => ({
  end: 'completed', exitCode: 0, signal: null, durationMs: 1, calls: [], unknownTools: [], usage: {}, messages: [], ...more,
})

test('messages and calls stand in their order, with what was answered', () => {
  const { conversation, observed } = sessionRecord(outcome({ calls: [call('one', 'first'), call('two')], messages: ['hm', 'done'], conversation: [0, 'hm', 1, 'done'] }), [], same)
  expect(conversation).toEqual([{ kind: 'call', call: 0, answer: 'first' }, { kind: 'message', text: 'hm' }, { kind: 'call', call: 1 }, { kind: 'message', text: 'done' }])
  expect(observed).toEqual([{ server: 's', tool: 'one', arguments: { a: 1 }, status: 'completed' }, { server: 's', tool: 'two', arguments: { a: 1 }, status: 'completed' }])
})

test('the order is that of the transcript', () => {
  const item = (type: string, id: string, more: object): string => JSON.stringify({ type, item: { id, type: 'mcp_tool_call', server: 's', tool: id, arguments: {}, status: 'in_progress', ...more } })
  const said = (text: string): string => JSON.stringify({ type: 'item.completed', item: { type: 'agent_message', text } })
  const { conversation } = parseTranscript([said('a'), item('item.started', 'x', {}), said('b'), item('item.completed', 'x', { status: 'completed' }), item('item.started', 'y', {}), said('c')].join('\n'))
  expect(conversation).toEqual(['a', 0, 'b', 1, 'c'])
})

test('an agent that tells no order is told by its calls, then its messages', () => {
  expect(sessionRecord(outcome({ calls: [call('one')], messages: ['done'] }), [], same).conversation).toEqual([{ kind: 'call', call: 0 }, { kind: 'message', text: 'done' }])
})

test('long texts are cut, and say so; of very many parts the first are kept', () => {
  const { conversation = [], received = [] } = sessionRecord(
    outcome({ calls: [call('one', 'x'.repeat(9000))], conversation: [0, ...Array.from({ length: 1000 }, () => 'y'.repeat(5000))] }),
    [{ tool: 't', arguments: {}, ok: false, error: 'e'.repeat(9000), client: 'c' }], same,
  )
  expect(conversation[0]).toMatchObject({ answer: `${'x'.repeat(8000)}\n... 1000 more characters, see the transcript` })
  expect(conversation).toHaveLength(400)
  expect(JSON.stringify(conversation).length).toBeLessThan(300_000)
  // The session's room was used up by what was said.
  expect(received).toEqual([{ tool: 't', arguments: {}, ok: false, error: '\n... 9000 more characters, see the transcript', client: 'c' }])
})

test('secrets go before a text is cut', () => {
  const secret = 'hunter2-hunter2'
  const { conversation } = sessionRecord(outcome({ conversation: [`${'x'.repeat(7995)}${secret}`] }), [], (text) => text.replaceAll(secret, '[gone]'))
  expect(JSON.stringify(conversation)).not.toContain('hunt')
})

test('what was asked, arguments, errors and findings are cut too, and calls that are left out are counted', () => {
  const long = 'z'.repeat(9000)
  const found = { answer: 'no', detail: long } as const
  const told = recordOf(
    { prompt: long, calls: [{ tool: 'one', arguments: {}, attempted: found, executed: found, effective: found }] },
    outcome({ calls: [{ server: 's', tool: 'one', arguments: { long }, status: 'failed', error: long }], conversation: [0] }),
    Array.from({ length: 402 }, () => ({ tool: 'one', arguments: { long }, ok: true, client: 'c' })), same,
  )
  const cut = /^[^]{8000}\n\.\.\. \d+ more characters, see the transcript$/
  expect(told.prompt).toMatch(cut)
  expect(told.calls[0]?.effective).toEqual({ answer: 'no', detail: expect.stringMatching(cut) as string })
  expect(told.observed).toEqual([{ server: 's', tool: 'one', arguments: expect.stringMatching(cut) as string, argumentsCut: true, status: 'failed', error: expect.stringMatching(cut) as string }])
  expect(told.received?.[0]).toMatchObject({ arguments: expect.stringMatching(cut) as string, argumentsCut: true })
  expect(JSON.stringify(told.received).length).toBeLessThan(350_000)
  expect(told.omitted).toEqual({ conversation: 0, received: 2 })
})

test('of a short session nothing is left out', () => {
  expect(sessionRecord(outcome({ calls: [call('one')] }), [], same)).not.toHaveProperty('omitted')
})
