import { expect, test } from 'vitest'
import type { PromiseRecord } from '../harness/record.ts'
import { findingsMarkdown, pasteLimit } from './findings-markdown.ts'
import type { Findings } from './findings.ts'

const finding: PromiseRecord = {
  lane: 'a', step: '2 odd', id: 'odd', section: '2', promised: 'a\nb', happened: '500 {"error":"x"}', severity: 'high', reproduce: 'curl x\ncurl y', expected: true,
}
const all: Findings = { run: 'r', suite: 's', versions: {}, worked: [], findings: [], stale: [], notJudged: [] }
/** As many findings of about so many characters each, in one section each. */
const many = (count: number, length: number, parts: Partial<PromiseRecord> = {}): PromiseRecord[] =>
  Array.from({ length: count }, (_, index) => ({ ...finding, section: `${index}`, id: `id-${index}`, promised: `promise ${index} is kept`, happened: 'word '.repeat(length / 5), ...parts }))
const full = (text: string): string[] => [...text.matchAll(/^\*\*§(\d+)\*\* .*\n\n- happened:/gm)].map(([, section = '']) => section)
const short = (text: string): string[] => [...text.matchAll(/^- §(\d+) promise .*$/gm)].map(([, section = '']) => section)

test('the text says how it stands, what broke by its promise, what was not judged, and what worked in a fold at the end', () => {
  const text = findingsMarkdown({
    ...all, versions: { 'version.ao': '1', port: '2' }, findings: [finding], stale: [{ lane: 'a', step: '4 mended', id: 'b, c' }],
    notJudged: [{ check: '3 slow', why: 'budget: too slow' }], worked: ['10.1 last', '1.1 fine', 'plain', '1.1 fine too'],
  })
  expect(text).toMatch(/^1 finding: 0 new; 1 breaks a promise; 4 checks hold; 1 known one was not found any more; 1 check was not judged\n\nWalked by machine: clone-smoke suite `s`, run r\.\n\n- version\.ao: 1\n\n### What broke\n\n\*\*§2\*\* a b \(known, `odd`\)\n\n- happened: 500 .*\n- to see it:\n\n```sh\ncurl x\ncurl y\n```\n/)
  expect(text).toMatch(/### Known, and not found any more\n\n- 4 mended: b, c\n\n### Not judged\n\n- 3 slow: budget: too slow\n\n<details><summary>What worked: 4 checks<\/summary>\n\n- plain\n- 1\.1: fine; fine too\n- 10\.1: last\n\n<\/details>\n$/)
})

test('new findings stand under a heading of their own, and what several lanes found names them', () => {
  const text = findingsMarkdown({ ...all, findings: [finding, { ...finding, lane: 'b', step: '2 odd in b' }, { ...finding, expected: false, promised: 'c', id: 'a `tick`' }] })
  expect(text).toMatch(/### New: what broke\n\n\*\*§2\*\* c \(new, `` a `tick` ``\)\n[^]*### What broke\n\n\*\*§2\*\* a b \(known, `odd`\)\n\n- found 2 times, in lanes a, b; told as in lane a, check "2 odd"\n- happened/)
  expect(text.match(/a b \(known/g)).toHaveLength(1)
})

test('lines that hold a fence stand in a longer one', () => {
  expect(findingsMarkdown({ ...all, findings: [{ ...finding, reproduce: "cat <<'E'\n```\nE" }] })).toContain("- to see it:\n\n````sh\ncat <<'E'\n```\nE\n````\n")
})

test('what fits is told in full', () => {
  const text = findingsMarkdown({ ...all, findings: many(50, 500) })
  expect(full(text)).toHaveLength(50)
  expect(text).not.toContain('findings.json')
})

test('what does not fit is a line each, the least first and a new one last; the heading says where the rest is', () => {
  const text = findingsMarkdown({ ...all, findings: [...many(100, 900), ...many(20, 900, { expected: false, severity: 'unclear', promised: 'promise new is kept' })], worked: ['1.1 fine'] })
  expect(text.length).toBeLessThanOrEqual(pasteLimit)
  const told = full(text)
  expect(told.slice(0, 20)).toEqual(many(20, 1).map(({ section }) => section))
  expect(short(text)).toEqual(many(100, 1).map(({ section }) => section).slice(told.length - 20))
  expect(text).toMatch(/### In a line each\n\nThis text is as long as a comment may be; the rest of it is in findings\.json and report\.html beside it\.\n\n- §\d+ promise \d+ is kept \(known, breaks a promise, `id-\d+`\)\n/)
  expect(text).toContain('- 1.1: fine')
})

test('where new findings alone are too many, the list of what worked goes before they are shortened', () => {
  const text = findingsMarkdown({ ...all, findings: [...many(60, 900, { expected: false }), ...many(5, 900)], worked: Array.from({ length: 100 }, (_, index) => `${index} ${'word '.repeat(20)}`) })
  expect(text.length).toBeLessThanOrEqual(pasteLimit)
  expect(full(text)).toHaveLength(60)
  expect(short(text)).toHaveLength(5)
  expect(text).toContain('What worked: 100 checks')
  expect(text).not.toContain('word; ')
})

const long = 'x'.repeat(100_000)
test.each<[string, Partial<Findings>]>([
  ['long texts', { findings: [{ ...finding, promised: long, happened: long, reproduce: long, id: long, section: long }] }],
  ['many findings', { findings: many(5000, 500) }],
  ['many new ones', { findings: many(5000, 500, { expected: false }) }],
  ['one finding in many lanes', { findings: Array.from({ length: 20_000 }, (_, index) => ({ ...finding, lane: `lane-${index}` })) }],
  ['many checks that hold', { worked: Array.from({ length: 5000 }, (_, index) => `${index} ${'word '.repeat(20)}`) }],
  ['many that were not judged', { notJudged: Array.from({ length: 5000 }, () => ({ check: long, why: long })) }],
  ['many that came no more', { stale: Array.from({ length: 5000 }, () => ({ lane: 'a', step: long, id: long })) }],
  ['long versions', { versions: { 'version.a': long, ...Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`version.${index}`, long])) } }],
  ['characters of two units', { findings: many(500, 5, { happened: '\u{1F600}'.repeat(3000), promised: '\u{1F600}'.repeat(3000) }) }],
])('it fits with %s', (_what, parts) => {
  const text = findingsMarkdown({ ...all, ...parts })
  expect(text.length).toBeLessThanOrEqual(pasteLimit)
  expect(text).not.toMatch(/\p{Surrogate}/u)
  // No fence and no fold stays open.
  expect((text.match(/^`{3,}/gm) ?? []).length % 2).toBe(0)
  expect((text.match(/<details>/g) ?? []).length).toBe((text.match(/<\/details>/g) ?? []).length)
})
