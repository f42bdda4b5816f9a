import { expect, test } from 'vitest'
import { xmlText } from './xml-text.ts'

test.each([
  ['plain text', 'a < b & c', 'a < b & c'],
  ['terminal colours', '\u001B[32mok\u001B[39m', 'ok'],
  ['a colour before a bell', '\u001B[31mred\u0007', String.raw`red\x07`],
  ['a title and a link', '\u001B]0;title\u0007a\u001B]8;;http://x\u001B\\b', 'ab'],
  ['a title without an end', '\u001B]0;title\nb', '\\x1b]0;title\nb'],
  ['short escapes', '\u001B(B\u001B7\u001Bca', 'a'],
  ['an escape at the end', 'a\u001B', String.raw`a\x1b`],
  ['NUL', 'a\0b', String.raw`a\x00b`],
  ['a bell', 'a\u0008b', String.raw`a\x08b`],
  ['a non-character', 'a\uFFFEb', String.raw`a\xfffeb`],
  ['a lone high surrogate', 'a\uD83Db', 'a\uFFFDb'],
  ['a lone low surrogate', 'a\uDE00b', 'a\uFFFDb'],
  ['a whole pair', 'a😀b', 'a😀b'],
  ['line ends of Windows and old Macs', 'a\r\nb\rc\td', 'a\nb\nc\td'],
])('%s', (_what, text, expected) => {
  expect(xmlText(text)).toBe(expected)
})
