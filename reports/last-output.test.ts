import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LastOutput } from './last-output.ts'

let workspace = ''
beforeEach(() => {
  workspace = mkdtempSync(join(tmpdir(), 'last-'))
  for (const folder of ['logs', 'transcripts']) mkdirSync(join(workspace, folder))
})
afterEach(() => { rmSync(workspace, { recursive: true, force: true }) })

function write(file: string, text: string, second: number): void {
  writeFileSync(join(workspace, file), text)
  utimesSync(join(workspace, file), second, second)
}

test.each([
  ['the last line that is not empty', 'one\ntwo\n\n', 'two'],
  ['no terminal codes', '\u001B[31mred\u001B[0m\n', 'red'],
  ['the end of a long line', `${'x'.repeat(5000)}end`, expect.stringMatching(/^x{4093}end$/)],
  ['the words of an event', `${JSON.stringify({ type: 'item.completed', item: { id: 'item_1', type: 'mcp_tool_call', tool: 'grep', arguments: { text: 'y'.repeat(100) } } })}\n`, 'item.completed mcp_tool_call grep'],
  ['an event that is cut', '{"type":"item', '{"type":"item'],
  ['nothing of an empty file', '', undefined],
])('%s', (_what, text, expected) => {
  write('transcripts/a.jsonl', text, 1000)
  expect(new LastOutput(workspace).line(0)).toEqual(expected)
})

test('the file that was written last speaks, unless that was before the step, or is a model log', () => {
  write('logs/a.log', 'a', 1000)
  write('logs/b.log', 'b', 2000)
  write('transcripts/s.model.ndjson', '{"a":"m"}', 3000)
  expect(new LastOutput(workspace).line(0)).toBe('b')
  expect(new LastOutput(workspace).line(2_500_000)).toBeUndefined()
  rmSync(join(workspace, 'transcripts'), { recursive: true })
  expect(new LastOutput(workspace).line(0)).toBeUndefined()
})
