import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { validate } from 'ctrf'
import { expect, test } from 'vitest'
import type { RunRecord } from '../harness/record.ts'
import { ctrfReport } from './ctrf.ts'

const at = '2026-01-01T00:00:00.000Z'
const record: RunRecord = {
  schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 1234.5, facts: { 'version.node': 'v20' }, notes: [], errors: [],
  lanes: [
    {
      name: 'a', purpose: 'selected', status: 'failed', startedAt: at, durationMs: 10,
      steps: [{ name: 'one', kind: 'step', status: 'failed', startedAt: at, durationMs: 5, budgetMs: 50, logs: ['logs/one.log', '../elsewhere'], verdict: { class: 'drift', diagnosis: 'odd', evidence: [] } }],
      tests: [
        { name: 'one', status: 'failed', durationMs: 1.6, message: 'drift: odd' }, { name: 'two', status: 'passed', durationMs: 1, failedAttempts: ['no'] },
        { name: 'three', status: 'skipped', durationMs: 0, message: 'because' }, { name: 'four', status: 'not-run', durationMs: 0 },
      ],
    },
    { name: 'b', purpose: 'selected', status: 'not-run', durationMs: 0, reason: 'the run ended before this lane', steps: [], tests: [] },
  ],
  teardown: { durationMs: 1, ended: 0, leftovers: ['process 7'], hostChanges: [], workspaceKept: false, processesKept: false },
}

test('a run with all that can happen is a valid report', () => {
  const results = mkdtempSync(join(tmpdir(), 'ctrf-'))
  try {
    mkdirSync(join(results, 'logs'))
    writeFileSync(join(results, 'logs/one.log'), 'words')
    const report = ctrfReport(record, results)
    expect(validate(report)).toMatchObject({ valid: true })
    expect(report).toMatchObject({ results: {
      summary: { tests: 6, passed: 1, failed: 2, skipped: 1, pending: 2, other: 0, flaky: 1, start: Date.parse(at), duration: 1235 },
      tests: [
        { name: 'one', status: 'failed', duration: 2, suite: ['toy', 'a'], labels: { verdict: 'drift' }, attachments: [{ name: 'logs/one.log', path: 'logs/one.log' }] },
        { name: 'two', flaky: true, retries: 1, retryAttempts: [{ attempt: 1, status: 'failed', message: 'no' }] },
        { status: 'skipped', message: 'because' }, { status: 'pending' }, { name: 'b', status: 'pending', message: 'the run ended before this lane' },
        { name: 'nothing is left behind', status: 'failed', message: 'process 7' },
      ],
    } })
  } finally {
    rmSync(results, { recursive: true, force: true })
  }
})

test('a run that never began is a valid report too', () => {
  expect(validate(ctrfReport({ ...record, startedAt: '', lanes: [], teardown: null }, '/no/such/folder'))).toMatchObject({ valid: true })
})
