import { expect, test } from 'vitest'
import type { PromiseRecord, RunRecord } from '../harness/record.ts'
import { findingsMarkdown, findingsOf } from './findings.ts'

const check = (name: string, status: 'passed' | 'failed'): RunRecord['lanes'][number]['steps'][number] => ({
  name, kind: 'check', status, startedAt: '', durationMs: 1, budgetMs: 1, logs: [],
  ...(status === 'failed' && { verdict: { class: 'budget' as const, diagnosis: 'too slow\nreally', evidence: [] } }),
})
const finding: PromiseRecord = {
  lane: 'a', step: '2 odd', id: 'odd', section: '2', promised: 'a\nb', happened: '500 {"error":"x"}', severity: 'high', reproduce: 'curl x\ncurl y', expected: true,
}
const record = (steps: RunRecord['lanes'][number]['steps'], findings?: PromiseRecord[]): RunRecord => ({
  schema: 1, run: 'r', suite: 's', outcome: 'passed', startedAt: '', durationMs: 1, facts: { 'version.ao': '1', port: '2' }, notes: [], errors: [], teardown: null,
  lanes: [{ name: 'a', purpose: 'selected', status: 'passed', durationMs: 1, tests: [], steps }], ...(findings && { findings }),
})

test('a run without checks has nothing to tell', () => {
  expect(findingsOf(record([{ ...check('1', 'passed'), kind: 'step' }]))).toBeUndefined()
})

test('a finding that came no more is told as such: its check was judged, and what it is called is nothing to be read out of a sentence', () => {
  const staleFindings = [{ lane: 'a', step: '4 mended', id: 'b, c' }]
  const findings = findingsOf({ ...record([check('3 slow', 'failed'), check('4 mended', 'failed')]), staleFindings })
  expect(findings).toMatchObject({ stale: staleFindings, worked: [], notJudged: [{ check: '3 slow' }] })
  expect(findings && findingsMarkdown(findings)).toMatch(/### Expected, and not found any more\n\n- 4 mended: b, c\n/)
})

test('each check worked, broke or could not be judged, and the text names all three', () => {
  const findings = findingsOf(record([check('1 fine', 'passed'), check('2 odd', 'passed'), check('3 slow', 'failed')], [finding]))
  expect(findings).toMatchObject({ worked: ['1 fine'], notJudged: [{ check: '3 slow', why: 'budget: too slow' }] })
  if (!findings) throw new Error('no findings')
  const text = findingsMarkdown(findings)
  expect(text).toContain('1 checks hold, 1 findings')
  expect(text).toMatch(/- version\.ao: 1\n\n### What worked\n\n- 1 fine\n\n### What broke\n\n\*\*§2 odd\*\* \(known\)\n\n- promised: a b\n- happened: 500 .*\n- to see it:\n\n```sh\ncurl x\ncurl y\n```\n\n### Not judged\n\n- 3 slow: budget: too slow\n$/)
})
