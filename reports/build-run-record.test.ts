import { expect, test } from 'vitest'
import { runRecord, type ProgressEvent, type TestRecord, type VerdictRecord } from '../harness/record.ts'
import { buildRunRecord, type RunEvidence } from './build-run-record.ts'

type Untimed<Event> = Event extends ProgressEvent ? Omit<Event, 'at'> : never

/** Events one second apart. */
const timed = (...events: Untimed<ProgressEvent>[]): ProgressEvent[] =>
  events.map((event, index) => ({ at: new Date(Date.UTC(2026, 0, 1) + index * 1000).toISOString(), ...event }))

const run = { type: 'run-started', run: 'r1', suite: 'toy', workspace: '/w', results: '/r' } as const
const started = (lane: string, purpose: 'selected' | 'set-up' = 'selected') => ({ type: 'lane-started', lane, purpose, index: 1, of: 1 }) as const
const step = (lane: string, name: string) => ({ type: 'step-started', lane, step: name, kind: 'step', budgetMs: 5000 }) as const
const ended = (leftovers: string[] = []): Untimed<ProgressEvent> => ({ type: 'teardown-ended', durationMs: 1, ended: 0, leftovers, hostChanges: [], workspaceKept: false, processesKept: false })
const verdict: VerdictRecord = { class: 'drift', diagnosis: 'it looks odd', evidence: ['logs/a.log'] }
const passed: TestRecord = { name: 'one', status: 'passed', durationMs: 1 }

const build = (parts: Partial<RunEvidence>) => runRecord.parse(buildRunRecord({
  events: [], lanes: [], errors: [], interrupted: false, reproduce: (lane) => `again ${lane}`, ...parts,
}))

test('lanes come in the order of their first event, then in the order they were to run', () => {
  const record = build({
    events: timed(run, started('a', 'set-up'), { type: 'lane-ended', lane: 'a', status: 'passed', durationMs: 7 }, started('c'), { type: 'lane-ended', lane: 'c', status: 'passed', durationMs: 8 }, ended()),
    lanes: [{ lane: 'b', tests: [], errors: [] }, { lane: 'c', tests: [passed], errors: [] }],
  })
  expect(record.lanes.map(({ name, purpose, status, durationMs }) => [name, purpose, status, durationMs])).toEqual([
    ['a', 'set-up', 'passed', 7], ['c', 'selected', 'passed', 8], ['b', 'selected', 'not-run', 0],
  ])
  expect(record.lanes[2]?.reason).toBe('the run ended before this lane')
  expect(record).toMatchObject({ run: 'r1', suite: 'toy', outcome: 'passed', durationMs: 5000 })
})

test('a failed lane keeps its verdict, its steps and the command to see it again; its dependant says why it was skipped', () => {
  const record = build({
    events: timed(
      run, started('a'), step('a', 'look'),
      { type: 'step-ended', lane: 'a', step: 'look', status: 'failed', durationMs: 3, budgetMs: 5000, verdict, logs: ['logs/a.log'] },
      { type: 'lane-ended', lane: 'a', status: 'failed', durationMs: 4, verdict },
      { type: 'lane-ended', lane: 'b', status: 'skipped', durationMs: 0, reason: 'lane "a" failed', because: 'a' },
      { type: 'lane-ended', lane: 'c', status: 'skipped', durationMs: 0, reason: 'done before' },
    ),
    lanes: [{ lane: 'a', tests: [{ ...passed, status: 'failed', message: 'drift: it looks odd' }, { ...passed, name: 'look', durationMs: 9000 }], errors: [] }],
  })
  // Vitest counts the whole lane for the test that was waiting for it.
  expect(record.lanes[0]?.tests.map(({ durationMs }) => durationMs)).toEqual([passed.durationMs, 3])
  expect(record.outcome).toBe('failed')
  expect(record.lanes[0]).toMatchObject({ status: 'failed', verdict, reproduce: 'again a', steps: [{ name: 'look', kind: 'step', status: 'failed', budgetMs: 5000, verdict }] })
  expect(record.lanes[1]).toMatchObject({ status: 'skipped', reason: 'lane "a" failed', because: 'a' })
  expect(record.lanes[0]?.verdict).not.toHaveProperty('consequences')
  expect(record.lanes[2]).not.toHaveProperty('because')
  expect(record.lanes[1]).not.toHaveProperty('reproduce')
})

test.each<[string, Partial<RunEvidence>, string]>([
  ['nothing went wrong', {}, 'passed'],
  ['an error outside the lanes', { errors: ['boom'] }, 'failed'],
  ['a lane file that cannot be loaded', { lanes: [{ lane: 'a', tests: [], errors: ['SyntaxError'] }] }, 'failed'],
  ['something left behind', { events: timed(run, ended(['process 7'])) }, 'failed'],
  ['a teardown that came to its end', { events: timed(run, ended()) }, 'passed'],
  ['a teardown that did not', { events: timed(run) }, 'failed'],
  ['a signal', { interrupted: true, errors: ['boom'] }, 'interrupted'],
])('%s: %s', (_what, parts, outcome) => {
  expect(build(parts).outcome).toBe(outcome)
})

test('the last value of a fact holds; a teardown that never came is null; a step without an end is still running', () => {
  const record = build({
    events: timed(run, { type: 'fact', name: 'v', value: '1' }, { type: 'fact', name: 'v', value: '2' }, started('a'), step('a', 'wait')),
  })
  expect(record.facts).toEqual({ v: '2' })
  expect(record.teardown).toBeNull()
  expect(record.lanes[0]?.steps).toMatchObject([{ name: 'wait', status: 'running' }])
})

test('a lane that began and never ended is told as failed, not as never run', () => {
  const [lane] = build({ events: timed(run, started('a'), step('a', 'wait')), lanes: [{ lane: 'a', tests: [{ ...passed, status: 'not-run' }], errors: [] }] }).lanes
  expect(lane).toMatchObject({ status: 'failed', reason: 'the run ended while this lane was running', reproduce: 'again a' })
})

test('samples, looks at the stack and the processes are kept; of two looks the first before and the last after', () => {
  const look = (lane: string, when: 'before' | 'after', ...tools: string[]) => ({ type: 'snapshot', lane, when, lists: { tools } }) as const
  const record = build({
    events: timed(
      run, { type: 'sample', memoryBytes: 5, processes: 2, cpuPercent: 7 }, look('a', 'before', 'x'), started('a'), look('a', 'after', 'x'), look('a', 'before', 'z'), look('a', 'after', 'x', 'y'), look('b', 'before'),
      { type: 'processes', processes: [{ pid: 7, ppid: 1, command: 'seven', memoryBytes: 8, ageMs: 9 }] },
    ),
  })
  expect(record.samples).toEqual([{ at: '2026-01-01T00:00:01.000Z', memoryBytes: 5, processes: 2, cpuPercent: 7 }])
  expect(record.lanes).toMatchObject([{ name: 'a', snapshots: { before: { tools: ['x'] }, after: { tools: ['x', 'y'] } } }])
  expect(record.processes).toEqual([{ pid: 7, ppid: 1, command: 'seven', memoryBytes: 8, ageMs: 9 }])
})

test('a record without them has no such fields', () => {
  const record = build({ events: timed(run, started('a'), ended()) })
  expect(record).not.toHaveProperty('samples')
  expect(record).not.toHaveProperty('processes')
  expect(record.lanes[0]).not.toHaveProperty('snapshots')
})

test('without events the run still has its name', () => {
  expect(build({ identity: { run: 'r9', suite: 'toy' }, lanes: [{ lane: 'a', tests: [passed], errors: [] }] })).toMatchObject({ run: 'r9', suite: 'toy', lanes: [{ name: 'a' }] })
})
