import { relative } from 'node:path'
import type { LaneRecord, ProgressEvent, RunRecord } from '../harness/record.ts'

export interface Paint {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly faint: (text: string) => string
  readonly strong: (text: string) => string
}

/** Colours where they are wanted: FORCE_COLOR, then NO_COLOR, then whether a person is looking. */
export function paintFor(env: NodeJS.ProcessEnv, isTerminal: boolean): Paint {
  const forced = env.FORCE_COLOR !== undefined && env.FORCE_COLOR !== '0'
  const wanted = forced || ((env.NO_COLOR ?? '') === '' && isTerminal && env.TERM !== 'dumb')
  const code = (open: number, close: number) => (text: string): string => (wanted ? `\u001B[${open}m${text}\u001B[${close}m` : text)
  return { good: code(32, 39), bad: code(31, 39), faint: code(2, 22), strong: code(1, 22) }
}

/** The lines that an event adds to the terminal; none for most. */
export function progressLines(event: ProgressEvent, paint: Paint): string[] {
  switch (event.type) {
    case 'run-started':
      return [`${paint.strong('clone-smoke')} suite ${event.suite}, run ${event.run}`, paint.faint(`sandbox ${event.workspace}`)]
    case 'lane-started':
      return ['', paint.strong(event.purpose === 'selected' ? `lane ${event.index}/${event.of} ${event.lane}` : `set-up ${event.lane}`)]
    case 'step-ended':
      return stepLines(event, paint)
    case 'lane-ended':
      return event.status === 'skipped' ? ['', `${paint.strong(`lane ${event.lane}`)} skipped: ${event.reason ?? ''}`] : []
    case 'fact':
    case 'step-started':
    case 'teardown-started':
    case 'teardown-ended':
      return []
  }
}

export const stepLabel = (step: string): string => step.padEnd(22)

/** `0.4 s / 20 s`: what a step took of its budget, in columns. */
export const elapsed = (durationMs: number, budgetMs: number): string =>
  `${`${(durationMs / 1000).toFixed(1)} s`.padStart(7)} / ${`${budgetMs / 1000} s`.padEnd(5)}`

function stepLines(event: Extract<ProgressEvent, { type: 'step-ended' }>, paint: Paint): string[] {
  const time = elapsed(event.durationMs, event.budgetMs)
  const calls = event.stage ? paint.faint(`  ${event.stage.calls.length} calls expected, ${event.stage.observed.length} made`) : ''
  if (event.status === 'skipped') return [`  ${paint.faint(`- ${stepLabel(event.step)} skipped: ${event.reason ?? ''}`)}`]
  if (event.status === 'passed') return [`  ${paint.good('✓')} ${stepLabel(event.step)}${time}${calls}`.trimEnd()]
  return [
    `  ${paint.bad('✗')} ${stepLabel(event.step)}${time}${calls}`.trimEnd(),
    ...(event.verdict ? indent(`${paint.bad(event.verdict.class)}: ${event.verdict.diagnosis}`, '      ') : []),
  ]
}

/** The end of a run: what every lane came to, then each failure with its cause and the next thing to type. */
export function closingLines(record: RunRecord, results: string, cwd: string, paint: Paint): string[] {
  const shown = (path: string): string => relative(cwd, path) || '.'
  const lines = ['']
  for (const lane of record.lanes) {
    const outcome = { passed: paint.good('passed '), failed: paint.bad('failed '), skipped: 'skipped', 'not-run': 'not run' }[lane.status]
    const time = lane.startedAt === undefined ? '       -' : `${(lane.durationMs / 1000).toFixed(1)} s`.padStart(8)
    const note = lane.status === 'failed' ? (lane.verdict?.class ?? '') : (lane.reason ?? (lane.purpose === 'set-up' ? '(set-up)' : ''))
    lines.push(`  ${lane.name.padEnd(18)}${outcome}${time}  ${paint.faint(note)}`.trimEnd())
  }
  for (const lane of record.lanes) if (lane.status === 'failed') lines.push('', ...failureLines(lane, results, shown, paint))
  for (const error of record.errors) lines.push('', ...indent(`${paint.bad('error outside the lanes')}: ${error}`, ''))
  lines.push('', teardownLine(record, paint))
  lines.push(`${paint.faint('report')} ${shown(results)}/junit.xml, run.json, transcripts/, logs/`)
  return lines
}

function failureLines(lane: LaneRecord, results: string, shown: (path: string) => string, paint: Paint): string[] {
  const lines = [`${paint.bad(`✗ ${lane.name}`)}${lane.verdict ? `: ${paint.bad(lane.verdict.class)}` : ''}`]
  if (lane.verdict) lines.push(...indent(lane.verdict.diagnosis, '  '))
  // A check of the author's own has more to say than its name.
  if (!lane.verdict || lane.verdict.class === 'check-failed') {
    for (const test of lane.tests) if (test.status === 'failed') lines.push(...indent(`${test.name}\n${test.message ?? ''}`, '  '))
  }
  for (const path of lane.verdict?.evidence ?? []) lines.push(`  ${paint.faint('look at')} ${shown(`${results}/${path}`)}`)
  if (lane.verdict?.remedy !== undefined) lines.push(`  ${paint.faint('remedy ')} ${lane.verdict.remedy}`)
  if (lane.reproduce !== undefined) lines.push(`  ${paint.faint('again  ')} ${lane.reproduce}`)
  return lines
}

function teardownLine(record: RunRecord, paint: Paint): string {
  const total = `${(record.durationMs / 1000).toFixed(1)} s`
  if (!record.teardown) return `${paint.bad(record.outcome)} in ${total}; the teardown did not run to its end`
  const { leftovers, workspaceKept } = record.teardown
  const left = leftovers.length > 0
    ? paint.bad(`left behind: ${leftovers.join('; ')}`)
    : workspaceKept ? 'workspace kept, no process left' : 'nothing left behind'
  const outcome = record.outcome === 'passed' ? paint.good('passed') : paint.bad(record.outcome)
  return `${outcome} in ${total}, ${left}`
}

const indent = (text: string, by: string): string[] => text.split('\n').map((line) => by + line)
