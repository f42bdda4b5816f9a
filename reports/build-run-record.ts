import { promiseRecord, staleFindingRecord, type LaneRecord, type ProgressEvent, type RunRecord, type StepRecord, type TestRecord } from '../harness/record.ts'

/** What vitest says about the spec of one lane. */
export interface LaneTests {
  readonly lane: string
  readonly tests: readonly TestRecord[]
  /** Errors of the file itself, outside its tests. */
  readonly errors: readonly string[]
}

export interface RunEvidence {
  /** Who the run is, where its events cannot tell. */
  readonly identity?: { readonly run: string; readonly suite: string }
  readonly events: readonly ProgressEvent[]
  /** In the order the lanes were to run. */
  readonly lanes: readonly LaneTests[]
  readonly errors: readonly string[]
  readonly interrupted: boolean
  /** The command that runs the given lane again. */
  readonly reproduce: (lane: string) => string
}

/** The whole run in one record, from what was written while it ran and from vitest's results. */
export function buildRunRecord({ identity, events, lanes, errors, interrupted, reproduce }: RunEvidence): RunRecord {
  const start = events.find((event) => event.type === 'run-started')
  const last = events.at(-1)
  const names = [...new Set([
    ...events.flatMap((event) => event.type === 'lane-started' || event.type === 'lane-ended' ? [event.lane] : []),
    ...lanes.map(({ lane }) => lane),
  ])]
  const records = names.map((name) => laneRecordOf(name, events, lanes.find(({ lane }) => lane === name), reproduce))
  const end = events.find((event) => event.type === 'teardown-ended')
  const failed = errors.length > 0 || records.some(({ status }) => status === 'failed') || (end?.leftovers.length ?? 0) > 0 || (end?.hostChanges.length ?? 0) > 0
    // Nobody has proven then that nothing is left.
    || (start !== undefined && end === undefined)
  const samples = events.filter((event) => event.type === 'sample')
  const processes = events.findLast((event) => event.type === 'processes')
  const paused = events.find((event) => event.type === 'paused')
  return {
    schema: 1,
    run: start?.run ?? identity?.run ?? '',
    suite: start?.suite ?? identity?.suite ?? '',
    outcome: interrupted ? 'interrupted' : failed ? 'failed' : paused ? 'paused' : 'passed',
    startedAt: start?.at ?? '',
    durationMs: start && last ? Date.parse(last.at) - Date.parse(start.at) : 0,
    facts: Object.fromEntries(events.flatMap((event) => event.type === 'fact' ? [[event.name, event.value]] : [])),
    notes: events.flatMap((event) => event.type === 'note' ? [event.text] : []),
    ...(paused && { paused: { lane: paused.lane, stage: paused.stage, file: paused.file } }),
    lanes: records,
    ...findingsIn(events),
    errors: [...errors],
    ...(samples.length > 0 && { samples: samples.map(({ at, memoryBytes, processes, cpuPercent }) => ({ at, memoryBytes, processes, cpuPercent })) }),
    ...(processes && processes.processes.length > 0 && { processes: processes.processes }),
    teardown: end
      ? { durationMs: end.durationMs, ended: end.ended, leftovers: end.leftovers, hostChanges: end.hostChanges, workspaceKept: end.workspaceKept, processesKept: end.processesKept, ...(end.verdict && { verdict: end.verdict }) }
      : null,
  }
}

function laneRecordOf(
  name: string, events: readonly ProgressEvent[], spec: LaneTests | undefined, reproduce: (lane: string) => string,
): LaneRecord {
  const started = events.find((event) => event.type === 'lane-started' && event.lane === name)
  const ended = events.findLast((event) => event.type === 'lane-ended' && event.lane === name)
  const steps = stepsOf(name, events)
  // The lane runs inside its first test: what a step took, the step knows.
  const tests = (spec?.tests ?? []).map((test) => ({ ...test, durationMs: steps.find((step) => step.name === test.name)?.durationMs ?? test.durationMs }))
  const fileErrors = (spec?.errors ?? []).map((message): TestRecord => ({ name: `${name}: the file itself`, status: 'failed', durationMs: 0, message }))
  const all = [...tests, ...fileErrors]
  const red = all.some(({ status }) => status === 'failed')
  const told = ended?.type === 'lane-ended' ? ended : undefined
  // The events of a run whose disk is full are lost; vitest knows what passed.
  const passed = all.some((test) => test.status === 'passed') && all.every((test) => test.status === 'passed' || test.status === 'skipped')
  const cut = started !== undefined && told === undefined && !passed
  const skipped = all.length > 0 && all.every((test) => test.status === 'skipped')
  const status = red || cut ? 'failed' : (told?.status ?? (skipped ? 'skipped' : passed ? 'passed' : 'not-run'))
  return {
    name,
    purpose: started?.type === 'lane-started' ? started.purpose : spec ? 'selected' : 'set-up',
    status,
    durationMs: told?.durationMs ?? 0,
    // One that ran beside others began before it was its turn.
    ...(started && { startedAt: [started.at, ...steps.map(({ startedAt }) => startedAt)].toSorted()[0] }),
    ...(told?.verdict && { verdict: told.verdict }),
    ...(told?.because !== undefined && { because: told.because }),
    ...reasonOf(cut ? 'the run ended while this lane was running' : told?.reason, status),
    ...(status === 'failed' && { reproduce: reproduce(name) }),
    steps,
    tests: all,
    ...snapshotsOf(name, events),
  }
}

function findingsIn(events: readonly ProgressEvent[]): Pick<RunRecord, 'findings' | 'staleFindings'> {
  const findings = events.flatMap((event) => event.type === 'finding' ? [promiseRecord.parse(event)] : [])
  const staleFindings = events.flatMap((event) => event.type === 'stale-finding' ? [staleFindingRecord.parse(event)] : [])
  return { ...(findings.length > 0 && { findings }), ...(staleFindings.length > 0 && { staleFindings }) }
}

function reasonOf(reason: string | undefined, status: LaneRecord['status']): { reason?: string } {
  if (reason !== undefined) return { reason }
  if (status === 'not-run') return { reason: 'the run ended before this lane' }
  return status === 'skipped' ? { reason: 'none of its tests was chosen' } : {}
}

/** A lane that was begun anew keeps the first look and the last. */
function snapshotsOf(lane: string, events: readonly ProgressEvent[]): Pick<LaneRecord, 'snapshots'> {
  const looks = events.filter((event) => event.type === 'snapshot').filter((event) => event.lane === lane)
  const before = looks.find(({ when }) => when === 'before')?.lists
  const after = looks.findLast(({ when }) => when === 'after')?.lists
  return before || after ? { snapshots: { ...(before && { before }), ...(after && { after }) } } : {}
}

function stepsOf(lane: string, events: readonly ProgressEvent[]): StepRecord[] {
  const steps = new Map<string, StepRecord>()
  for (const event of events) {
    if (event.type === 'step-started' && event.lane === lane) {
      steps.set(event.step, {
        name: event.step, kind: event.kind, status: 'running', startedAt: event.at, durationMs: 0, budgetMs: event.budgetMs, logs: [],
      })
    } else if (event.type === 'step-slow' && event.lane === lane) {
      const begun = steps.get(event.step)
      if (begun) steps.set(event.step, { ...begun, slow: true })
    } else if (event.type === 'step-ended' && event.lane === lane) {
      const { step, status, durationMs, verdict, reason, logs, stage, usage, at } = event
      const begun = steps.get(step) ?? { name: step, kind: 'step', startedAt: at, budgetMs: event.budgetMs }
      steps.set(step, { ...begun, status, durationMs, logs, ...(verdict && { verdict }), ...(reason !== undefined && { reason }), ...(stage && { stage }), ...(usage && { usage }) })
    }
  }
  return [...steps.values()]
}
