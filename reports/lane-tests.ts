import type { LaneRecord, TestRecord } from '../harness/record.ts'

/**
 * A lane that only ran as set-up, or never ran, has no tests of its own: its steps stand for them. A lane that failed
 * where no test could see it gets a test that says so.
 */
export function testsOf(lane: LaneRecord): readonly TestRecord[] {
  const steps = lane.steps.map((step): TestRecord => ({
    name: step.name, status: step.status === 'running' ? 'not-run' : step.status, durationMs: step.durationMs,
    ...(step.status === 'running'
      ? { message: 'not finished: the run ended while it was running' }
      : (step.verdict ?? step.reason) !== undefined && { message: step.verdict?.diagnosis ?? step.reason ?? '' }),
  }))
  const ran = lane.tests.some(({ status }) => status === 'passed' || status === 'failed')
  const tests = ran || steps.length === 0 ? lane.tests : steps
  if (lane.status === 'failed' && !tests.some(({ status }) => status === 'failed')) {
    const message = lane.verdict ? `${lane.verdict.class}: ${lane.verdict.diagnosis}` : lane.reason ?? 'the lane failed'
    return [...tests, { name: `lane ${lane.name}`, status: 'failed', durationMs: 0, message }]
  }
  return tests.length > 0 ? tests : [{ name: lane.name, status: 'not-run', durationMs: 0, message: lane.reason ?? 'not run' }]
}
