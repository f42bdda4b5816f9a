import { existsSync } from 'node:fs'
import { isAbsolute, join } from 'node:path'
import type { LaneRecord, RunRecord } from '../harness/record.ts'
import type { Paint } from './paint.ts'
import { oneLine, seconds, verdictLines } from './progress-lines.ts'

/** What stands at the end of a run: a table of the lanes, then for each failure why, where to look and what to type. */
export function finalTable(record: RunRecord, results: string, paint: Paint): string[] {
  const names = Math.max(4, ...record.lanes.map((lane) => lane.name.length))
  const words = Math.max(7, ...record.lanes.map((lane) => word(lane).length))
  const failed = record.lanes.filter((lane) => lane.status === 'failed')
  return [
    '', paint.dim(`   ${'lane'.padEnd(names)}  ${'verdict'.padEnd(words)}     time`),
    ...record.lanes.map((lane) => {
      const time = lane.status === 'passed' || lane.status === 'failed' ? seconds(lane.durationMs).padStart(8) : ' '.repeat(8)
      const note = [lane.purpose === 'set-up' ? '(set-up)' : '', oneLine(lane.status === 'failed' ? '' : lane.reason ?? '')].filter((text) => text !== '').join(' ')
      return ` ${mark(lane, paint)} ${lane.name.padEnd(names)}  ${colour(lane, paint)(word(lane).padEnd(words))} ${time}  ${paint.dim(note)}`.trimEnd()
    }),
    ...failed.flatMap((lane) => ['', ` ${paint.red(`✗ ${lane.name}`)}`, ...failure(lane, results, paint)]),
    ...(record.errors.length === 0 ? [] : ['', ...record.errors.map((error) => ` ${paint.red('error outside the lanes:')} ${oneLine(error)}`)]),
    '', ` ${summary(record, paint)}`,
  ]
}

function failure(lane: LaneRecord, results: string, paint: Paint): string[] {
  const step = lane.steps.find((candidate) => candidate.status === 'failed')
  return [
    ...verdictLines(lane.verdict, paint, '   '),
    ...(step ? [`   ${paint.dim('step')}       ${step.name}`] : []),
    ...(lane.verdict?.evidence ?? []).map((path) => `   ${paint.dim('evidence')}   ${shownPath(path, results)}`),
    ...(lane.reproduce === undefined ? [] : [`   ${paint.dim('reproduce')}  ${paint.bold(lane.reproduce)}`]),
  ]
}

/** The file in the results when it was saved there, else as the lane named it. */
function shownPath(path: string, results: string): string {
  const saved = isAbsolute(path) ? path : join(results, path)
  return existsSync(saved) ? saved : path
}

function summary(record: RunRecord, paint: Paint): string {
  const count = (status: LaneRecord['status']): number => record.lanes.filter((lane) => lane.status === status).length
  const parts = (['passed', 'failed', 'skipped', 'not-run'] as const).flatMap((status) => count(status) === 0 ? [] : [`${count(status)} ${status === 'not-run' ? 'not run' : status}`])
  const total = `${record.lanes.length} ${record.lanes.length === 1 ? 'lane' : 'lanes'}: ${parts.join(', ') || 'none'} in ${seconds(record.durationMs)}`
  if (record.outcome === 'passed') return paint.green(`passed  ${total}`)
  return record.outcome === 'failed' ? paint.red(`failed  ${total}`) : paint.yellow(`interrupted  ${total}`)
}

const word = (lane: LaneRecord): string => {
  switch (lane.status) {
    case 'passed': return 'OK'
    case 'failed': return lane.verdict?.class ?? 'failed'
    case 'skipped': return 'skipped'
    case 'not-run': return 'not run'
  }
}

function colour(lane: LaneRecord, paint: Paint): (text: string) => string {
  return lane.status === 'passed' ? paint.green : lane.status === 'failed' ? paint.red : paint.yellow
}

const mark = (lane: LaneRecord, paint: Paint): string =>
  colour(lane, paint)({ passed: '✓', failed: '✗', skipped: '↓', 'not-run': '·' }[lane.status])
