import { extname } from 'node:path'
import type { LaneRecord, RunRecord, TestRecord } from '../harness/record.ts'
import { filesOfTest } from './attachments.ts'
import { cutText } from './head-and-tail.ts'
import { testsOf } from './lane-tests.ts'

/** The whole text of a failure is in junit.xml and run.json. Characters. */
const messageLimit = 4096

/** Words of the Common Test Report Format for ours; `pending` is a test that was to run and did not. */
const statuses = { passed: 'passed', failed: 'failed', skipped: 'skipped', 'not-run': 'pending' } as const

const contentTypes: Readonly<Record<string, string>> = { '.json': 'application/json', '.jsonl': 'application/jsonl', '.ndjson': 'application/x-ndjson' }

/**
 * A run in the Common Test Report Format, version 0.0.0 (ctrf.io), a JSON that many CI tools read.
 * @param results folder of the run; attachments are paths in it
 */
export function ctrfReport(record: RunRecord, results: string): object {
  const tests = [...record.lanes.flatMap((lane) => testsOf(lane).map((test) => ctrfTest(record, lane, test, results))), teardownTest(record)]
  const count = (status: string): number => tests.filter((test) => test.status === status).length
  const start = Number.isNaN(Date.parse(record.startedAt)) ? 0 : Date.parse(record.startedAt)
  return {
    reportFormat: 'CTRF', specVersion: '0.0.0', generatedBy: 'clone-smoke',
    results: {
      tool: { name: 'clone-smoke', extra: { run: record.run } },
      summary: {
        tests: tests.length, passed: count('passed'), failed: count('failed'), skipped: count('skipped'), pending: count('pending'), other: 0,
        flaky: tests.filter(({ flaky }) => flaky === true).length, suites: record.lanes.length + 1,
        start, stop: start + Math.round(record.durationMs), duration: Math.round(record.durationMs), extra: { outcome: record.outcome },
      },
      tests,
      environment: { appName: record.suite, osPlatform: process.platform, extra: { ...record.facts } },
    },
  }
}

interface CtrfTest {
  readonly name: string
  readonly status: (typeof statuses)[keyof typeof statuses]
  readonly duration: number
  readonly suite: readonly string[]
  readonly flaky?: boolean
}

function ctrfTest(record: RunRecord, lane: LaneRecord, test: TestRecord, results: string): CtrfTest & Record<string, unknown> {
  const step = lane.steps.find(({ name }) => name === test.name)
  const { files } = filesOfTest(test, step, lane, results)
  const { failedAttempts = [] } = test
  return {
    name: test.name, status: statuses[test.status], rawStatus: test.status, duration: Math.round(test.durationMs), suite: [record.suite, lane.name], type: 'e2e',
    ...(test.message !== undefined && { message: cutText(test.message, messageLimit) }),
    ...(step?.verdict && { labels: { verdict: step.verdict.class } }),
    ...(failedAttempts.length > 0 && {
      retries: failedAttempts.length, flaky: test.status === 'passed',
      retryAttempts: failedAttempts.map((message, index) => ({ attempt: index + 1, status: 'failed', message: cutText(message, messageLimit) })),
    }),
    ...(files.length > 0 && { attachments: files.map((file) => ({ name: file, contentType: contentTypes[extname(file)] ?? 'text/plain', path: file })) }),
  }
}

function teardownTest({ suite, teardown, errors }: RunRecord): CtrfTest & Record<string, unknown> {
  const wrong = [...(teardown?.leftovers ?? []), ...(teardown?.hostChanges ?? []), ...errors]
  return {
    name: 'nothing is left behind', suite: [suite, 'teardown'], type: 'e2e', duration: Math.round(teardown?.durationMs ?? 0),
    status: wrong.length > 0 ? 'failed' : teardown === null ? 'pending' : 'passed',
    ...(wrong.length > 0 && { message: cutText(wrong.join('\n'), messageLimit) }),
  }
}
