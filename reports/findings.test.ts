import { expect, test } from 'vitest'
import type { PromiseRecord, RunRecord } from '../harness/record.ts'
import { findingGroups, findingsOf, standingOf } from './findings.ts'

const check = (name: string, status: 'passed' | 'failed'): RunRecord['lanes'][number]['steps'][number] => ({
  name, kind: 'check', status, startedAt: '', durationMs: 1, budgetMs: 1, logs: [],
  ...(status === 'failed' && { verdict: { class: 'budget' as const, diagnosis: 'too slow\nreally', evidence: [] } }),
})
const finding: PromiseRecord = {
  lane: 'a', step: '2 odd', id: 'odd', section: '2', promised: 'a\nb', happened: '500', severity: 'high', reproduce: 'curl x', expected: true,
}
const record = (steps: RunRecord['lanes'][number]['steps'], findings?: PromiseRecord[]): RunRecord => ({
  schema: 1, run: 'r', suite: 's', outcome: 'passed', startedAt: '', durationMs: 1, facts: {}, notes: [], errors: [], teardown: null,
  lanes: [{ name: 'a', purpose: 'selected', status: 'passed', durationMs: 1, tests: [], steps }], ...(findings && { findings }),
})

test('a run without checks has nothing to tell', () => {
  expect(findingsOf(record([{ ...check('1', 'passed'), kind: 'step' }]))).toBeUndefined()
})

test('a finding that came no more is told as such: its check was judged, and what it is called is nothing to be read out of a sentence', () => {
  const staleFindings = [{ lane: 'a', step: '4 mended', id: 'b, c' }]
  const findings = findingsOf({ ...record([check('3 slow', 'failed'), check('4 mended', 'failed')]), staleFindings })
  expect(findings).toMatchObject({ stale: staleFindings, worked: [], notJudged: [{ check: '3 slow' }] })
})

test('each check worked, broke or could not be judged', () => {
  expect(findingsOf(record([check('1 fine', 'passed'), check('2 odd', 'passed'), check('3 slow', 'failed')], [finding])))
    .toMatchObject({ worked: ['1 fine'], notJudged: [{ check: '3 slow', why: 'budget: too slow' }] })
})

test.each<[string, PromiseRecord[], string]>([
  ['nothing', [], 'no findings; 1 check holds'],
  ['one known', [finding], '1 finding: 0 new; 1 breaks a promise; 1 check holds'],
  ['several', [finding, finding, { ...finding, expected: false, severity: 'low' }, { ...finding, severity: 'unclear' }], '4 findings: 1 new; 2 break a promise, 1 of less weight, 1 unclear; 1 check holds'],
])('how it stands with %s', (_what, findings, line) => {
  const all = findingsOf(record([check('1 fine', 'passed'), ...(findings.length > 0 ? [check('2 odd', 'passed')] : [])], findings))
  expect(all && standingOf(all)).toBe(line)
})

test('how it stands tells also what came no more and what was not judged', () => {
  const all = findingsOf({ ...record([check('3 slow', 'failed')]), staleFindings: [{ lane: 'a', step: '4', id: 'x' }] })
  expect(all && standingOf(all)).toBe('no findings; 0 checks hold; 1 known one was not found any more; 1 check was not judged')
})

test('findings stand new first, then by weight, then by section in its numbers\' order, whenever they came', () => {
  const of = (section: string, severity: PromiseRecord['severity'] = 'high', expected = true): PromiseRecord => ({ ...finding, section, severity, expected, promised: section })
  const groups = findingGroups([of('12'), of('10.2'), of('1.10'), of('2.1'), of('1.5', 'low'), of('11', 'unclear', false), of('1'), of('1.5'), of('3', 'low', false)])
  expect(groups.map(({ kind, severity, told }) => `${kind} ${severity}: ${told.map(({ section }) => section).join(' ')}`)).toEqual([
    'new low: 3', 'new unclear: 11', 'known high: 1 1.5 1.10 2.1 10.2 12', 'known low: 1.5',
  ])
})

test('what several checks found is told once, as the first one saw it; not across weights, nor a new one with a known one', () => {
  const groups = findingGroups([
    finding, { ...finding, lane: 'b', step: '2 odd too', happened: '501' }, { ...finding, promised: 'else' }, { ...finding, severity: 'low' }, { ...finding, lane: 'c', expected: false },
  ])
  expect(groups.flatMap(({ told }) => told).map(({ happened, seen }) => [happened, ...seen.map(({ lane, step }) => `${lane}/${step}`)])).toEqual([
    ['500', 'c/2 odd'], ['500', 'a/2 odd', 'b/2 odd too'], ['500', 'a/2 odd'], ['500', 'a/2 odd'],
  ])
})
