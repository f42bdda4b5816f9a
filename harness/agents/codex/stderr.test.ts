import { expect, test } from 'vitest'
import { readStderr } from './stderr.ts'

const noise = [
  'WARNING: proceeding, even though we could not create PATH aliases: Refusing to create helper binaries under temporary dir "/tmp"',
  'Reading additional input from stdin...',
  '',
]
const required = 'Error: thread/start failed: required MCP servers failed to initialize: dead: handshaking with MCP server failed: connection closed'

test.each([[noise, true], [['', ' \u001B[0m'], false]])('noise is no reason: %j', (lines, spoke) => {
  expect(readStderr(lines)).toEqual({ unsupportedCalls: [], requiredServers: undefined, reason: undefined, spoke })
})

test('every unsupported call is named, in order, colours or not', () => {
  const line = (name: string): string => `2026-11-21T07:30:43.123192Z \u001B[31mERROR\u001B[0m codex_core::tools::router: \u001B[3merror\u001B[0m=unsupported call: ${name}`
  expect(readStderr([...noise, line('mcp__probenope'), line('mcp__a__b'), line('mcp__probenope')]).unsupportedCalls).toEqual(['mcp__probenope', 'mcp__a__b', 'mcp__probenope'])
})

test.each([
  ['the required server before any other error', ['2026 ERROR rmcp: worker quit', 'Error: something else', required], required],
  ['a bad flag before its usage', ["error: unexpected argument '--full-auto' found", '', 'Usage: codex exec [OPTIONS]'], "error: unexpected argument '--full-auto' found"],
  ['a config error', ['Error loading config.toml: `wire_api = "chat"` is no longer supported.', 'More info: ...'], 'Error loading config.toml: `wire_api = "chat"` is no longer supported.'],
  ['a panic', ["thread 'main' panicked at src/main.rs:1:1:", 'note: run with RUST_BACKTRACE=1'], "thread 'main' panicked at src/main.rs:1:1: note: run with RUST_BACKTRACE=1"],
  ['the last line, when none stands out', ['one', 'two'], 'two'],
])('the reason is %s', (_, lines, reason) => {
  expect(readStderr([...noise, ...lines, ...noise]).reason).toBe(reason)
})

test('the line about required servers is quoted whole', () => {
  expect(readStderr([required]).requiredServers).toBe(required)
})
