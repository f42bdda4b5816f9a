import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { XMLParser } from 'fast-xml-parser'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import type { LaneRecord, RunRecord, StageRecord, StepRecord, TestRecord } from '../harness/record.ts'
import { headAndTail } from './head-and-tail.ts'
import { junitXml } from './junit.ts'
import { schemaViolations } from './testing/junit-schema.ts'

let results = ''
/** What the tests have read back. */
const documents: { readonly name: string; readonly xml: string }[] = []
beforeEach(() => {
  results = mkdtempSync(join(tmpdir(), 'junit-'))
  mkdirSync(join(results, 'logs'))
  mkdirSync(join(results, 'transcripts'))
})
afterEach(() => { rmSync(results, { recursive: true, force: true }) })
// All at once: each question takes a worker.
afterAll(async () => { expect(await schemaViolations(documents)).toEqual([]) })

interface Node { readonly name: string; readonly attributes: Readonly<Record<string, string>>; readonly children: readonly Node[]; readonly text: string }

/** What the schema leaves open: at most three decimals in each time, and one output of a testcase. */
function violations({ name, attributes, children }: Node): string[] {
  return [
    ...(attributes.time !== undefined && !/^\d+(\.\d{1,3})?$/.test(attributes.time) ? [`time ${attributes.time}`] : []),
    ...(children.filter((child) => child.name === 'system-out').length > 1 ? [`two system-out in <${name}>`] : []),
    ...children.flatMap(violations),
  ]
}

/** Reads the text back; what the schema has against it is asked when all tests have ended. */
function read(xml: string): Node {
  documents.push({ name: expect.getState().currentTestName ?? '', xml })
  const parser = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '', preserveOrder: true, parseTagValue: false, trimValues: false })
  const top = (parser.parse(xml) as RawNode[]).map(toNode).find(({ name }) => name === 'testsuites')
  if (!top) throw new Error('no <testsuites>')
  expect(violations(top)).toEqual([])
  return top
}

type RawNode = Readonly<Record<string, unknown>>
function toNode(raw: RawNode): Node {
  const name = Object.keys(raw).find((key) => key !== ':@') ?? ''
  const inside = Array.isArray(raw[name]) ? raw[name] as RawNode[] : []
  return {
    name, attributes: (raw[':@'] ?? {}) as Record<string, string>,
    children: inside.filter((child) => !('#text' in child)).map(toNode),
    text: inside.map((child) => typeof child['#text'] === 'string' ? child['#text'] : '').join(''),
  }
}

const suitesOf = (xml: string): readonly Node[] => read(xml).children
const casesOf = (suite: Node | undefined): readonly Node[] => suite?.children.filter(({ name }) => name === 'testcase') ?? []
const child = (node: Node | undefined, name: string): Node | undefined => node?.children.find((one) => one.name === name)

const lane = (parts: Partial<LaneRecord>): LaneRecord => ({ name: 'a', purpose: 'selected', status: 'passed', durationMs: 12.3456, steps: [], tests: [], ...parts })
const step = (parts: Partial<StepRecord>): StepRecord => ({ name: 'one', kind: 'step', status: 'passed', startedAt: '2026-01-01T00:00:00.000Z', durationMs: 5, budgetMs: 50, logs: [], ...parts })
const tested = (parts: Partial<TestRecord>): TestRecord => ({ name: 'one', status: 'passed', durationMs: 1.23456, ...parts })
const record = (lanes: LaneRecord[], parts: Partial<RunRecord> = {}): RunRecord => ({
  schema: 1, run: 'r1', suite: 'toy', outcome: 'passed', startedAt: '2026-01-01T00:00:00.000Z', durationMs: 1234.5678,
  facts: { 'version.node': 'v20' }, notes: [], lanes, errors: [], teardown: { durationMs: 3, ended: 0, leftovers: [], hostChanges: [], workspaceKept: false, processesKept: false }, ...parts,
})

test('a lane is a suite with its facts, and the teardown is the last one', () => {
  const [first, last] = suitesOf(junitXml(record([lane({ tests: [tested({})] })]), results))
  expect(first?.attributes).toMatchObject({ name: 'toy.a', tests: '1', failures: '0', skipped: '0', time: '0.012' })
  expect(child(child(first, 'properties'), 'property')?.attributes).toEqual({ name: 'version.node', value: 'v20' })
  expect(casesOf(first)[0]?.attributes).toMatchObject({ name: 'one', classname: 'toy.a', time: '0.001' })
  expect(casesOf(last).map(({ attributes, children }) => [attributes.name, children.length])).toEqual([['nothing is left behind', 0], ['nothing outside the sandbox is changed', 0]])
})

test('a failure has the verdict class as its type and the diagnosis as its message', () => {
  const verdict = { class: 'drift', diagnosis: 'it looks odd', evidence: [] } as const
  const xml = junitXml(record([lane({ status: 'failed', tests: [tested({ status: 'failed', message: 'drift: it looks odd' })], steps: [step({ status: 'failed', verdict: { ...verdict, evidence: [] } })] })]), results)
  expect(child(casesOf(suitesOf(xml)[0])[0], 'failure')?.attributes).toEqual({ type: 'drift', message: 'it looks odd' })
})

test.each([
  ['skipped with a reason', lane({ tests: [tested({ status: 'skipped', message: 'lane "x" failed' })] }), 'lane "x" failed'],
  ['never run', lane({ tests: [tested({ status: 'not-run' })] }), 'not run: the run ended before it'],
  ['never begun', lane({ status: 'not-run', reason: 'the run ended before this lane' }), 'the run ended before this lane'],
])('what was %s is skipped, not passed, and says why', (_what, one, message) => {
  const [suite] = suitesOf(junitXml(record([one]), results))
  expect(suite?.attributes.skipped).toBe('1')
  expect(child(casesOf(suite)[0], 'skipped')?.attributes.message).toBe(message)
})

test('a lane that ran as set-up shows its steps', () => {
  const [suite] = suitesOf(junitXml(record([lane({ purpose: 'set-up', steps: [step({ name: 'x' }), step({ name: 'y', status: 'skipped', reason: 'step "x" failed' })] })]), results))
  expect(casesOf(suite).map(({ attributes }) => attributes.name)).toEqual(['x', 'y'])
})

test('a set-up lane whose tests were not chosen shows its steps too', () => {
  const [suite] = suitesOf(junitXml(record([lane({ purpose: 'set-up', tests: [tested({ name: 'x', status: 'skipped' })], steps: [step({ name: 'x' })] })]), results))
  expect(casesOf(suite).map(({ attributes, children }) => [attributes.name, children.length])).toEqual([['x', 0]])
})

test('leftovers fail the last suite, errors outside the lanes are errors in it', () => {
  const xml = junitXml(record([], { errors: ['boom'], teardown: { durationMs: 1, ended: 0, leftovers: ['process 7'], hostChanges: ['~/.npmrc was changed'], workspaceKept: false, processesKept: false } }), results)
  const suite = suitesOf(xml).at(-1)
  expect(suite?.attributes).toMatchObject({ tests: '3', failures: '2', errors: '1' })
  expect(child(casesOf(suite)[0], 'failure')).toMatchObject({ attributes: { type: 'leak' }, text: 'process 7' })
  expect(child(casesOf(suite)[1], 'failure')).toMatchObject({ attributes: { type: 'leak' }, text: '~/.npmrc was changed' })
  expect(child(casesOf(suite)[2], 'error')).toMatchObject({ attributes: { type: 'harness-bug' }, text: 'boom' })
  expect(child(casesOf(suitesOf(junitXml(record([], { teardown: null }), results)).at(-1))[0], 'skipped')).toBeDefined()
})

const drift = { class: 'drift' as const, diagnosis: 'it looks odd', evidence: [] }
test.each<[string, LaneRecord, { type: string; message: string }]>([
  ['an invariant by its own verdict', lane({ status: 'failed', verdict: drift, tests: [tested({ status: 'failed', message: 'dirty-repo: there is dirt\n  evidence: logs/a.log\n  next: clean' })] }), { type: 'dirty-repo', message: 'there is dirt' }],
  ['a check of the author as check-failed', lane({ status: 'failed', verdict: drift, tests: [tested({ status: 'failed', message: 'expected: 1 to be 2' })] }), { type: 'check-failed', message: 'expected: 1 to be 2' }],
  ['a lane that no test saw fail', lane({ status: 'failed', verdict: drift, tests: [tested({ status: 'skipped' })] }), { type: 'drift', message: 'it looks odd' }],
  ['a set-up lane that failed between its steps', lane({ purpose: 'set-up', status: 'failed', verdict: drift, steps: [step({})] }), { type: 'drift', message: 'it looks odd' }],
])('a failure is told: %s', (_what, one, attributes) => {
  const [suite] = suitesOf(junitXml(record([one]), results))
  expect(suite?.attributes.failures).toBe('1')
  expect(casesOf(suite).map((node) => child(node, 'failure')?.attributes).filter((found) => found !== undefined)).toEqual([attributes])
})

const stage: StageRecord = {
  agent: { name: 'codex', version: '1', file: '/codex' }, model: 'scripted', prompt: 'p', transcript: 'transcripts/s.jsonl', stderr: 'transcripts/s.stderr',
  end: 'completed', exitCode: 0, modelRequests: 1, usage: {}, offeredTools: [], calls: [], observed: [],
}

test('the output of a stage ends with its files as attachments, by absolute path', () => {
  for (const file of ['transcripts/s.jsonl', 'transcripts/s.stderr', 'logs/s.log']) writeFileSync(join(results, file), 'words')
  const [suite] = suitesOf(junitXml(record([lane({ tests: [tested({})], steps: [step({ kind: 'stage', logs: ['logs/s.log'], stage })] })]), results))
  const lines = child(casesOf(suite)[0], 'system-out')?.text.split('\n') ?? []
  expect(lines.slice(-3)).toEqual(['logs/s.log', 'transcripts/s.jsonl', 'transcripts/s.stderr'].map((file) => `[[ATTACHMENT|${join(results, file)}]]`))
})

test('GitLab gets paths from where the run was started', () => {
  writeFileSync(join(results, 'logs/s.log'), 'words')
  const xml = junitXml(record([lane({ tests: [tested({})], steps: [step({ logs: ['logs/s.log'] })] })]), results, { attachments: 'relative', cwd: join(results, '..') })
  expect(xml).toContain(`[[ATTACHMENT|${basename(results)}/logs/s.log]]`)
})

test('a lane has the versions of its agents, what it took of its budgets, and its peaks', () => {
  const usage = { samples: 2, peakMemoryBytes: 5_000_000, peakProcesses: 7, peakCpuPercent: 150.4 }
  const [suite] = suitesOf(junitXml(record([lane({ tests: [tested({})], steps: [step({ usage }), step({ name: 'two', kind: 'stage', stage, usage: { ...usage, peakProcesses: 9 } })] })]), results))
  const properties = new Map((child(suite, 'properties')?.children ?? []).map(({ attributes }) => [attributes.name, attributes.value]))
  expect(Object.fromEntries(properties)).toEqual({
    'version.node': 'v20', 'version.codex': '1', 'duration.seconds': '0.012', 'step.one.seconds': '0.005', 'step.one.budget.seconds': '0.050', 'step.two.seconds': '0.005',
    'step.two.budget.seconds': '0.050', 'peak.memory.bytes': '5000000', 'peak.processes': '9', 'peak.cpu.percent': '150',
  })
})

test('what failed at first is flaky where it passed then, and a rerun where it failed again', () => {
  const failedAttempts = ['drift: it looks odd', 'expected 1 to be 2']
  const [suite] = suitesOf(junitXml(record([lane({ status: 'failed', tests: [tested({ failedAttempts }), tested({ name: 'two', status: 'failed', message: 'expected 3', failedAttempts })] })]), results))
  expect(suite?.attributes).toMatchObject({ tests: '2', failures: '1' })
  expect(casesOf(suite).map(({ children }) => children.map(({ name, attributes }) => `${name} ${attributes.type ?? ''} ${attributes.message ?? ''}`))).toEqual([
    ['flakyFailure drift drift: it looks odd', 'flakyFailure check-failed expected 1 to be 2'],
    ['failure check-failed expected 3', 'rerunFailure drift drift: it looks odd', 'rerunFailure check-failed expected 1 to be 2'],
  ])
})

test('a document that would be too long shows less of its logs, and attaches them all the same', () => {
  writeFileSync(join(results, 'logs/a.log'), 'x'.repeat(200_000))
  const one = lane({ tests: Array.from({ length: 20 }, (_, index) => tested({ name: `t${index}` })), steps: Array.from({ length: 20 }, (_, index) => step({ name: `t${index}`, logs: ['logs/a.log'] })) })
  const whole = junitXml(record([one]), results)
  const short = junitXml(record([one]), results, { fileLimit: 200_000 })
  expect(whole.length).toBeGreaterThan(1_000_000)
  expect(short.length).toBeLessThan(200_000)
  for (const xml of [whole, short]) expect(casesOf(suitesOf(xml)[0]).filter((node) => child(node, 'system-out')?.text.endsWith(`[[ATTACHMENT|${join(results, 'logs/a.log')}]]`))).toHaveLength(20)
})

test('where even without logs it would be too long, what failures say is cut', () => {
  const one = lane({ status: 'failed', tests: Array.from({ length: 50 }, (_, index) => tested({ name: `t${index}`, status: 'failed', message: 'm'.repeat(60_000), failedAttempts: ['a'.repeat(60_000)] })) })
  expect(junitXml(record([one]), results).length).toBeGreaterThan(3_000_000)
  const short = junitXml(record([one]), results, { fileLimit: 100_000 })
  expect(short.length).toBeLessThan(100_000)
  expect(casesOf(suitesOf(short)[0])).toHaveLength(50)
})

test('whatever stands in names, messages and logs, the document is well-formed', () => {
  const evil = '\0\u001B[31mred\u001B[0m ]]> <a b="c">&amp;\' \uD800 \uFFFE \u0007\r\n</testsuites>'
  writeFileSync(join(results, 'logs/evil.log'), Buffer.concat([Buffer.from(evil), Buffer.from([0xff, 0xfe, 0xc3])]))
  const xml = junitXml(record([lane({
    name: evil, status: 'failed', reason: evil,
    tests: [tested({ name: evil, status: 'failed', message: evil }), tested({ status: 'skipped', message: evil }), tested({ name: 'logged' })],
    steps: [step({ name: 'logged', logs: ['logs/evil.log'] })],
  })], { suite: 'toy', errors: [evil], facts: { [evil]: evil } }), results)
  expect(casesOf(suitesOf(xml)[0])).toHaveLength(3)
})

test('a failed call has the files of its own stage', () => {
  const call = { tool: 't', arguments: {}, attempted: { answer: 'yes', detail: '' }, executed: { answer: 'no', detail: '' }, effective: { answer: 'unknown', detail: '' } } as const
  const stageStep = (name: string): StepRecord => step({ name, kind: 'stage', stage: { ...stage, transcript: `transcripts/${name}.jsonl`, calls: [{ ...call, arguments: {} }] } })
  for (const name of ['one', 'two']) writeFileSync(join(results, `transcripts/${name}.jsonl`), 'words')
  const tests = ['one', 'a', 'b', 'c', 'two', 'd', 'e', 'f', 'own'].map((name) => tested({ name, ...('be'.includes(name) || name === 'own' ? { status: 'failed', message: 'm' } : {}) }))
  const cases = casesOf(suitesOf(junitXml(record([lane({ status: 'failed', tests, steps: [stageStep('one'), stageStep('two')] })]), results))[0])
  const output = (name: string): string | undefined => child(cases.find(({ attributes }) => attributes.name === name), 'system-out')?.text
  expect(output('b')).toBe(`[[ATTACHMENT|${join(results, 'transcripts/one.jsonl')}]]`)
  expect(output('e')).toBe(`[[ATTACHMENT|${join(results, 'transcripts/two.jsonl')}]]`)
  expect(output('own')).toBeUndefined()
})

test('what lies outside the results, is a link or a folder is neither shown nor attached', () => {
  symlinkSync('/etc/passwd', join(results, 'logs/link.log'))
  const logs = ['../../etc/passwd', 'logs/link.log', 'logs']
  const [suite] = suitesOf(junitXml(record([lane({ tests: [tested({})], steps: [step({ logs })] })]), results))
  const text = child(casesOf(suite)[0], 'system-out')?.text ?? ''
  expect(text).not.toMatch(/root:|ATTACHMENT/)
  expect(text.match(/\((?:not shown|cannot be read)/g)).toHaveLength(3)
})

test('all logs of a testcase together stay within the limit', () => {
  const logs = ['a', 'b', 'c', 'd'].map((name) => `logs/${name}.log`)
  for (const log of logs) writeFileSync(join(results, log), 'x'.repeat(100_000))
  const [suite] = suitesOf(junitXml(record([lane({ tests: [tested({})], steps: [step({ logs })] })]), results))
  expect(child(casesOf(suite)[0], 'system-out')?.text.length).toBeLessThan(66 * 1024)
})

test('a log of five megabytes is shown by its ends, and says how much is missing', () => {
  writeFileSync(join(results, 'logs/big.log'), `first\n${'x'.repeat(5 * 1024 * 1024)}\nlast`)
  const text = headAndTail(join(results, 'logs/big.log'), 64 * 1024)
  expect(text.length).toBeLessThan(66 * 1024)
  expect(text).toMatch(/^first\n[^]*\n\.\.\. 51\d{5} bytes left out, see the attachment \.\.\.\n[^]*\nlast$/)
})

test('a log that is gone costs only itself', () => {
  const [suite] = suitesOf(junitXml(record([lane({ tests: [tested({})], steps: [step({ logs: ['logs/gone.log'] })] })]), results))
  expect(child(casesOf(suite)[0], 'system-out')?.text).toContain('(cannot be read: ENOENT')
})
