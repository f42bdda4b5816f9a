import { expect, test } from 'vitest'
import { schemaViolations } from './junit-schema.ts'

const suite = (inside: string, attributes = ''): string =>
  `<?xml version="1.0"?><testsuites><testsuite name="s" tests="1" failures="0" errors="0"${attributes}>${inside}</testsuite></testsuites>`
const good = suite('<testcase name="a" time="0.001"><system-out>said</system-out></testcase>')

test('a document that fits has nothing against it', async () => {
  expect(await schemaViolations([{ name: 'one', xml: good }, { name: 'one', xml: good }])).toEqual([])
})

test.each([
  ['an attribute that is unknown', suite('', ' oops="1"'), /^1-the-other\.xml:1: Schemas validity error : .*'oops' is not allowed/],
  ['an attribute that is missing', suite('<testcase/>'), /Element 'testcase': The attribute 'name' is required/],
  ['properties in a testcase', suite('<testcase name="a"><properties/></testcase>'), /'properties': This element is not expected/],
  ['a time of four decimals', suite('', ' time="0.1234"'), /'0\.1234' is not accepted by the pattern/],
  ['a character that XML forbids', suite('<system-out>\u0007</system-out>'), /PCDATA invalid Char value 7/],
  ['a document that is cut', good.slice(0, -5), /^1-the-other\.xml:1: parser error/],
])('%s is told, with the document', async (_what, document, words) => {
  const [first] = await schemaViolations([{ name: 'one', xml: good }, { name: 'the other', xml: document }])
  expect(first).toMatch(words)
})
