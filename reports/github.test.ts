import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LaneRecord, RunRecord } from '../harness/record.ts'
import { annotations } from './github.ts'
import { summaryMarkdown } from './summary.ts'

let results = ''
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'github-'))
  mkdirSync(join(results, 'logs'))
})
afterEach(() => { rmSync(results, { recursive: true, force: true }) })

const at = '2026-01-01T00:00:00.000Z'
const lane = (name: string, parts: Partial<LaneRecord> = {}): LaneRecord => ({ name, purpose: 'selected', status: 'passed', startedAt: at, durationMs: 1500, steps: [], tests: [], ...parts })
const failed = (name: string, diagnosis = 'it looks odd', evidence: string[] = []): LaneRecord =>
  lane(name, { status: 'failed', verdict: { class: 'drift', diagnosis, evidence, remedy: 'look again' }, reproduce: `npx vitest run ${name}.smoke` })
const run = (lanes: LaneRecord[], parts: Partial<RunRecord> = {}): RunRecord => ({
  schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 9000, facts: {}, notes: [], errors: [], lanes,
  teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: [], workspaceKept: false, processesKept: false }, ...parts,
})
const places = { get results() { return results }, workspace: '/w', goOn: 'SMOKE_REUSE=1 go on' }

test('an annotation stands beside the file of its lane, on one line whatever it says', () => {
  expect(annotations(run([lane('a'), failed('b', '100 % odd:\r\nyes, odd')]), (name) => `suites/${name},1:x.smoke.ts`)).toEqual([
    '::error file=suites/b%2C1%3Ax.smoke.ts,title=b%3A drift::100 %25 odd:%0D%0Ayes, odd%0Aremedy: look again%0Aagain: npx vitest run b.smoke',
  ])
  expect(annotations(run([], { errors: ['boom'], teardown: { durationMs: 1, ended: 0, leftovers: ['process 7'], hostChanges: ['~/.npmrc'], workspaceKept: false, processesKept: false } }), () => undefined)).toEqual([
    '::error title=error outside the lanes::boom', '::error title=left behind::process 7', '::error title=changed outside the sandbox::~/.npmrc',
  ])
})

test('of more than ten annotations the tenth says how many are missing', () => {
  const all = annotations(run(Array.from({ length: 14 }, (_, index) => failed(`l${index}`, 'x'.repeat(10_000)))), () => undefined)
  expect(all).toHaveLength(10)
  expect(all[9]).toBe('::error title=more failures::5 more; see the summary')
  expect(all[0]?.length).toBeLessThan(5000)
})

test('the summary has a row a lane, and of each failure the cause, the next command and its logs', () => {
  writeFileSync(join(results, 'logs/b.log'), 'one\n```\ntwo\n')
  const text = summaryMarkdown(run([lane('a'), failed('b', 'a | b', ['logs/b.log', 'logs/gone.log']), lane('c', { status: 'skipped', reason: 'lane "b" failed: a | b' })]), places)
  expect(text).toMatchInlineSnapshot(`
    "# clone-smoke: toy failed

    Run <code>r</code>, 9.0 s.

    | lane | verdict | time |
    | --- | --- | --- |
    | a | ✅ passed | 1.5 s |
    | b | ❌ failed: drift | 1.5 s |
    | c | ⏭️ skipped: lane "b" failed: a \\| b | 1.5 s |

    ## ❌ b: drift

    \`\`\`
    a | b
    \`\`\`

    Remedy: look again

    Again:

    \`\`\`sh
    npx vitest run b.smoke
    \`\`\`

    <details><summary>logs/b.log, last lines</summary>

    \`\`\`\`
    one
    \`\`\`
    two
    \`\`\`\`

    </details>
    "
  `)
})

test('what is empty has no block in a summary', () => {
  writeFileSync(join(results, 'logs/b.log'), '\n \n')
  const text = summaryMarkdown(run([failed('b', '', ['logs/b.log']), lane('c', { status: 'failed', tests: [{ name: 'own', status: 'failed', durationMs: 1 }] })]), places)
  expect(text).not.toMatch(/^`{3,}\w*\n\s*`{3,}$/m)
  expect(text).not.toContain('logs/b.log')
  expect(text).toMatch(/## ❌ c: failed\n\n\*\*own\*\*\n$/)
})

test('a summary never grows over its limit: first its logs are cut, then all of it', () => {
  writeFileSync(join(results, 'logs/b.log'), Array.from({ length: 200 }, () => 'x'.repeat(300)).join('\n'))
  const many = run(Array.from({ length: 100 }, (_, index) => failed(`l${index}`, 'odd', ['logs/b.log'])))
  for (const limit of [2_000_000, 500_000, 60_000, 5000]) expect(Buffer.byteLength(summaryMarkdown(many, places, limit))).toBeLessThanOrEqual(limit)
  expect(summaryMarkdown(many, places, 500_000)).toContain('<details>')
  expect(summaryMarkdown(many, places, 60_000)).not.toContain('<details>')
  expect(summaryMarkdown(many, places, 5000)).toMatch(/\(cut: the whole is in run\.json\)\n$/)
})

test('a summary that is cut leaves no fence and no fold open', () => {
  const many = run(Array.from({ length: 30 }, (_, index) => failed(`lane${index}`, 'x\n'.repeat(300 + index), [])))
  for (let limit = 3000; limit < 12_000; limit += 97) {
    const text = summaryMarkdown(many, places, limit)
    expect(Buffer.byteLength(text)).toBeLessThanOrEqual(limit)
    expect((text.match(/^`{3,}/gm) ?? []).length % 2, text).toBe(0)
  }
})

test('a summary tells the verdict of the teardown and its remedy', () => {
  const text = summaryMarkdown({ ...run([lane('a')]), teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: ['~/.npmrc'], workspaceKept: false, processesKept: false, verdict: { class: 'host-touched', diagnosis: 'it was changed', evidence: [], remedy: 'keep it inside' } } }, places)
  expect(text).toMatch(/## ❌ teardown: host-touched[^]*it was changed[^]*Remedy: keep it inside/)
})

test('a green run with known findings says below its outcome how many', () => {
  const finding = { lane: 'a', step: '1', id: 'x', section: '1', promised: 'p', happened: 'h', severity: 'high', reproduce: '', expected: true } as const
  expect(summaryMarkdown(run([lane('a')], { outcome: 'passed', findings: [finding] }), places)).toMatch(/^# clone-smoke: toy passed\n\n\*\*1 finding: 0 new; 1 breaks a promise; 0 checks hold\*\*: they are in findings\.md/)
  expect(summaryMarkdown(run([lane('a')]), places)).not.toContain('finding')
})
