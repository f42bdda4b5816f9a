import { expect, test } from 'vitest'
import { cutAtWord } from './cut-at-word.ts'

test.each([
  ['what fits', 'one two', 7, 'one two'],
  ['words', 'one two three four', 13, 'one two …'],
  ['a word that ends early', `one ${'x'.repeat(20)}`, 12, 'one xxxxxx …'],
  ['characters of two units', '\u{1F600}'.repeat(10), 9, `${'\u{1F600}'.repeat(3)} …`],
])('%s', (_what, text, limit, cut) => {
  expect(cutAtWord(text, limit)).toBe(cut)
  expect(cut.length).toBeLessThanOrEqual(limit)
})
