import { expect, test } from 'vitest'
import { readOfferedTools } from './offered-tools.ts'

const own = { type: 'function', name: 'exec_command' }
const flat = (...names: string[]): object => ({ tools: [own, ...names.map((name) => ({ type: 'function', name: `mcp__${name}` }))] })
const namespaced = (namespace: string, ...names: string[]): object => ({ tools: [own, { type: 'namespace', name: namespace, tools: names.map((name) => ({ type: 'function', name })) }] })
const read = (body: object, servers = ['probe']): ReturnType<typeof readOfferedTools> => readOfferedTools(body as Record<string, unknown>, servers)

test.each([
  { form: 'flat, to 0.118', body: flat('probe__ok', 'probe__two'), call: { name: 'mcp__probe__ok' }, guess: { name: 'mcp__probe__nope' } },
  { form: 'namespace with a tail, 0.121 to 0.133', body: namespaced('mcp__probe__', 'ok', 'two'), call: { namespace: 'mcp__probe__', name: 'ok' }, guess: { namespace: 'mcp__probe__', name: 'nope' } },
  { form: 'namespace, from 0.135', body: namespaced('mcp__probe', 'ok', 'two'), call: { namespace: 'mcp__probe', name: 'ok' }, guess: { namespace: 'mcp__probe', name: 'nope' } },
])('$form', ({ body, call, guess }) => {
  const tools = read(body)
  expect(tools.names).toEqual(['probe/ok', 'probe/two'])
  expect(tools.find('probe', 'ok')).toEqual(call)
  expect(tools.find('probe', 'nope')).toBeUndefined()
  expect(tools.find('other', 'ok')).toBeUndefined()
  expect(tools.guess('probe', 'nope')).toEqual(guess)
  expect(tools.hidden).toBeUndefined()
})

test.each([
  ['flat', flat('probe__ok'), { name: 'mcp__gone__x' }],
  ['a namespace with a tail', namespaced('mcp__probe__', 'ok'), { namespace: 'mcp__gone__', name: 'x' }],
  ['a namespace', namespaced('mcp__probe', 'ok'), { namespace: 'mcp__gone', name: 'x' }],
  ['nothing of MCP', { tools: [own] }, { name: 'mcp__gone__x' }],
  ['no tools', {}, { name: 'mcp__gone__x' }],
])('a server that offers nothing is called in the style of what is there: %s', (_, body, guess) => {
  expect(read(body).guess('gone', 'x')).toEqual(guess)
})

test('where a flat name\'s server ends is settled by the servers under test, longest first', () => {
  expect(read(flat('a__b__c', 'a__d', 'x__y__z'), ['a', 'a__b']).names).toEqual(['a__b/c', 'a/d', 'x/y__z'])
})

test.each([
  ['flat', flat('my_server__a_b')],
  ['namespaced', namespaced('mcp__my_server', 'a_b')],
])('characters that Codex replaced are found again: %s', (_, body) => {
  expect(read(body, ['my-server']).find('my-server', 'a-b')).toBeDefined()
})

test.each([
  ['tool_search', { tools: [{ type: 'tool_search', execution: 'client' }] }, /only through tool_search/],
  ['additional_tools', { input: [{ type: 'additional_tools', tools: [] }] }, /additional_tools/],
])('tools hidden behind %s are said to be', (_, body, message) => {
  expect(read(body).hidden).toMatch(message)
})

test('what is no list of tools offers nothing', () => {
  for (const tools of [undefined, null, 'x', [1, null, { name: 3 }, { type: 'function', name: 'mcp__' }]]) expect(read({ tools }).names).toEqual([])
})
