import { expect, onTestFinished, test } from 'vitest'
import { excerpt, excerptOfEnd } from './excerpt.ts'
import { useRedactor } from './of-this-process.ts'
import { Redactor } from './redactor.ts'

const secret = 'correct-horse-battery-staple'

test.each([
  { what: 'the beginning', shown: () => excerpt(`key ${secret} said`, 12) },
  { what: 'the end', shown: () => excerptOfEnd(`it said ${secret} twice`, 18) },
])('a cut through a secret leaves no half of it: $what', ({ shown }) => {
  useRedactor(new Redactor().learn([{ name: 'KEY', value: secret }]))
  onTestFinished(() => { useRedactor(new Redactor()) })
  expect([shown().length > 0, /horse|staple|correct|battery/.test(shown())]).toEqual([true, false])
})

test('a text without secrets is cut as it stands', () => {
  expect([excerpt('abcdef', 3), excerptOfEnd('abcdef', 3), excerpt('ab', 3)]).toEqual(['abc', 'def', 'ab'])
})
