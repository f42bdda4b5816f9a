import { existsSync } from 'node:fs'
import { isAbsolute, join, relative } from 'node:path'
import type { LaneRecord, ProgressEvent, RunRecord } from '../harness/record.ts'
import { redactorOfThisProcess } from '../harness/redaction/of-this-process.ts'
import { shellWord } from '../harness/shell-word.ts'
import { readTail } from '../harness/stack/log-tails.ts'
import { columnsOf, cutToColumns, padToColumns, wrapped } from './columns.ts'
import { cutAtWord } from './cut-at-word.ts'
import { findingsOf, standingOf } from './findings.ts'
import { xmlText } from './xml-text.ts'

/** Reasons and notes are wrapped at so many columns: that much is seen everywhere. Paths and commands are never cut. */
const textColumns = 80
/** On a narrower terminal the lane is only in its heading: what is said matters more. */
const wideColumns = 100
/** How many lines of the failed step's log are shown at the end. */
const tailLines = 8
/** A check may have compared long answers: the reports have them whole. Characters. */
const checkLimit = 2000

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

/** The lines that an event adds to the terminal, which has so many columns; none for most. */
export function progressLines(event: ProgressEvent, paint: Paint, columns = textColumns): string[] {
  switch (event.type) {
    case 'run-started':
      return [`${paint.strong('clone-smoke')} suite ${event.suite}, run ${event.run}`, paint.faint(`sandbox ${event.workspace}`), paint.faint(`results ${event.results}`)]
    case 'lane-started':
      return ['', paint.strong(event.purpose === 'selected' ? `lane ${event.index}/${event.of} ${event.lane}` : `set-up ${event.lane}`)]
    case 'step-ended':
      return stepLines(event, paint, columns)
    case 'lane-ended':
      return event.status === 'skipped' ? ['', ...titled(`lane ${event.lane}`, 'skipped: ', event.reason ?? '', paint.strong)] : []
    case 'step-slow':
      return [`  ${paint.faint('!')} ${stepLabel(event.step)}${elapsed(event.elapsedMs, event.budgetMs)}   ${paint.faint('half of its budget is gone')}`]
    case 'note':
      return titled('  note', '', event.text, paint.faint)
    case 'stale-finding':
      return [onOneLine('! known, and not found any more:', event.id, columns, paint.bad)]
    case 'finding':
      return [onOneLine(event.expected ? '! known' : '! new', `§${event.section} ${event.promised}${event.expected ? '' : `; happened: ${event.happened}`}`, columns, event.expected ? paint.faint : paint.bad)]
    case 'fact':
    case 'paused':
    case 'step-started':
    case 'teardown-started':
    case 'teardown-ended':
    case 'sample':
    case 'snapshot':
    case 'processes':
      return []
  }
}

/** Below a check, and cut: the whole is told at the end. */
const onOneLine = (title: string, text: string, columns: number, paint: (title: string) => string): string =>
  `      ${paint(title)} ${cutToColumns(plain(text).replaceAll(/\s+/g, ' '), columns - 7 - columnsOf(title))}`

const stepLabel = (step: string): string => padToColumns(step, 22)

/** `0.4 s / 20 s`: what a step took of its budget, in columns. */
const elapsed = (durationMs: number, budgetMs: number): string =>
  `${`${(durationMs / 1000).toFixed(1)} s`.padStart(7)} / ${`${budgetMs / 1000} s`.padEnd(5)}`

function stepLines(event: Extract<ProgressEvent, { type: 'step-ended' }>, paint: Paint, columns: number): string[] {
  const time = elapsed(event.durationMs, event.budgetMs)
  const calls = event.stage ? paint.faint(`  ${event.stage.calls.length} ${event.stage.calls.length === 1 ? 'call' : 'calls'} expected, ${event.stage.observed.length} made`) : ''
  if (event.status === 'skipped') return wrapped(`  - ${stepLabel(event.step)} `, `skipped: ${plain(event.reason ?? '')}`, textColumns).map((line) => paint.faint(line))
  if (event.status === 'passed') return [`  ${paint.good('✓')} ${stepLabel(event.step)}${time}${calls}`.trimEnd()]
  return [
    `  ${paint.bad('✗')} ${stepLabel(event.step)}${time}${calls}`.trimEnd(),
    ...(event.verdict?.class === 'check-failed' ? [onOneLine(`${event.verdict.class}:`, event.verdict.diagnosis, columns, paint.bad)] : event.verdict ? indent(`${paint.bad(event.verdict.class)}: ${plain(event.verdict.diagnosis)}`, '      ') : []),
    ...(event.verdict?.remedy === undefined ? [] : indent(`${paint.faint('remedy ')} ${plain(event.verdict.remedy)}`, '      ')),
  ]
}

/**
 * The line that is rewritten while a step runs: lane, step, time of its budget, and the last thing that was said, in at most
 * so many columns.
 */
export function runningLine({ lane, step, budgetMs }: { readonly lane: string; readonly step: string; readonly budgetMs: number }, elapsedMs: number, said: string | undefined, columns: number, paint: Paint): string {
  const time = elapsed(elapsedMs, budgetMs)
  const labelRoom = Math.max(4, Math.min(40, columns - 4 - time.length))
  const label = padToColumns(cutToColumns(step, labelRoom), Math.min(22, labelRoom))
  const room = columns - 4 - columnsOf(label) - time.length - 3
  // A few columns of it would tell nothing.
  const parts = [...(columns < wideColumns && said !== undefined ? [] : [lane]), ...(said === undefined ? [] : [plain(said).replaceAll(/\s+/g, ' ')])]
  const rest = cutToColumns(parts.join(': '), room)
  return `  ${paint.faint('·')} ${label}${time}${room < 8 ? '' : `   ${paint.faint(rest)}`}`
}

/** Without a terminal, a long step says that it still runs this often. Milliseconds. */
const heartbeatMs = 30_000
/** Around the moment when half of the budget is gone the step says that instead. Milliseconds. */
const aroundHalfMs = 5000

/** Whether a step that has run for `elapsedMs`, and of which nothing was told for `silentMs`, is to say that it runs. */
export function isHeartbeatDue({ elapsedMs, silentMs, budgetMs }: { readonly elapsedMs: number; readonly silentMs: number; readonly budgetMs: number }): boolean {
  return silentMs >= heartbeatMs && Math.abs(elapsedMs - budgetMs / 2) > aroundHalfMs
}

/** The line of a step that still runs, where no line can be rewritten. */
export const stillRunningLine = ({ step, budgetMs }: { readonly step: string; readonly budgetMs: number }, elapsedMs: number, paint: Paint): string =>
  `  ${paint.faint('·')} ${stepLabel(step)}${elapsed(elapsedMs, budgetMs).trimEnd()}`

/** Where a run has its things, and where the user is. */
export interface Places {
  readonly results: string
  readonly workspace: string
  readonly cwd: string
  /** The command that goes on in the workspace. */
  readonly goOn: string
}

/** The end of a run: what every lane came to, then each failure with its cause and the next thing to type. */
export function closingLines(record: RunRecord, { results, workspace, cwd, goOn }: Places, paint: Paint): string[] {
  const shown = (path: string): string => shortest(path, cwd)
  const width = Math.max(16, ...record.lanes.map(({ name }) => name.length)) + 2
  const lines = ['']
  for (const lane of record.lanes) {
    const outcome = { passed: paint.good('passed '), failed: paint.bad('failed '), skipped: 'skipped', 'not-run': 'not run' }[lane.status]
    const time = lane.startedAt === undefined ? '       -' : `${(lane.durationMs / 1000).toFixed(1)} s`.padStart(8)
    const note = lane.status === 'failed' ? (lane.verdict?.class ?? lane.reason ?? '') : (lane.reason ?? (lane.purpose === 'set-up' ? '(set-up)' : ''))
    const [first = '', ...more] = wrapped(' '.repeat(width + 19), plain(note), textColumns).map((line) => line.slice(width + 19))
    lines.push(`  ${padToColumns(lane.name, width)}${outcome}${time}  ${paint.faint(first)}`.trimEnd(), ...more.map((line) => ' '.repeat(width + 19) + paint.faint(line)))
  }
  for (const lane of record.lanes) if (lane.status === 'failed') lines.push('', ...failureLines(lane, notRunAfter(lane, record), (path) => existsSync(join(results, path)) || !existsSync(join(workspace, path)) ? join(results, path) : join(workspace, path), shown, paint))
  for (const error of record.errors) lines.push('', ...indent(`${paint.bad('error outside the lanes')}: ${plain(error)}`, ''))
  const findings = findingsOf(record)
  // What is known leaves a run green: the word alone would say too much.
  lines.push('', teardownLine(record, paint), ...(findings ? [standingOf(findings)] : []))
  if (record.teardown?.verdict?.remedy !== undefined) lines.push(`${paint.faint('remedy ')} ${plain(record.teardown.verdict.remedy)}`)
  if (record.paused) lines.push(`${paint.faint('read   ')} ${join(workspace, record.paused.file)}`)
  if (record.teardown?.workspaceKept === true) {
    lines.push(
      `${paint.faint('sandbox')} ${workspace}`,
      `${paint.faint('go on  ')} ${goOn}`,
      `${paint.faint('give up')} npx clone-smoke cleanup ${shellWord(workspace)}`,
    )
  }
  const beside = besideTheReport.filter((name) => existsSync(join(results, name)))
  lines.push(`${paint.faint('report')} ${shown(results)}/report.html`, ...(beside.length > 0 ? [`       beside it ${beside.join(', ')}`] : []))
  return lines
}

/** What a person may look for; of these, those that are there are named. */
const besideTheReport = ['findings.md', 'summary.md', 'junit.xml', 'ctrf.json', 'run.json', 'transcripts/', 'logs/'] as const

/** A sentence about the lanes that were skipped because this one failed. */
function notRunAfter({ name }: LaneRecord, { lanes }: RunRecord): string[] {
  const skipped = lanes.filter(({ status, because }) => status === 'skipped' && because === name).map((lane) => lane.name)
  return skipped.length === 0 ? [] : [`${skipped.length === 1 ? 'lane' : 'lanes'} ${skipped.join(', ')} did not run`]
}

function failureLines(lane: LaneRecord, skipped: readonly string[], placeOf: (evidence: string) => string, shown: (path: string) => string, paint: Paint): string[] {
  const lines = [`${paint.bad(`✗ ${lane.name}`)}${lane.verdict ? `: ${paint.bad(lane.verdict.class)}` : ''}`]
  const { verdict } = lane
  const why = verdict?.diagnosis ?? lane.reason
  if (why !== undefined) lines.push(...indent(verdict?.class === 'check-failed' ? cutAtWord(plain(why), checkLimit) : plain(why), '  '))
  // The verdict tells the first failure; a check of the author's own has more to say than its name.
  for (const test of lane.tests) {
    const message = plain(test.message ?? '')
    const told = verdict !== undefined && message.startsWith(`${verdict.class}: ${plain(verdict.diagnosis)}`)
    if (test.status === 'failed' && !told) lines.push(...indent(`${test.name}\n${message}`, '  ').map((line) => paintDiff(line, paint)))
  }
  lines.push(...lastWords(lane, placeOf, why ?? '', paint))
  for (const path of lane.verdict?.evidence ?? []) lines.push(`  ${paint.faint('look at')} ${shown(placeOf(path))}`)
  if (lane.verdict?.remedy !== undefined) lines.push(`  ${paint.faint('remedy ')} ${plain(lane.verdict.remedy)}`)
  for (const one of [...(lane.verdict?.consequences ?? []), ...skipped]) lines.push(`  ${paint.faint('so also')} ${cutToColumns(plain(one).replaceAll(/\s+/g, ' '), 120)}`)
  if (lane.reproduce !== undefined) lines.push(`  ${paint.faint('again  ')} ${lane.reproduce}`)
  return lines
}

/** The end of the log of the step that failed, unless the diagnosis has it already. */
function lastWords({ steps, verdict }: LaneRecord, placeOf: (evidence: string) => string, why: string, paint: Paint): string[] {
  if (why.includes('last lines:')) return []
  const failed = steps.find(({ status }) => status === 'failed')
  const logs = [...(failed?.logs ?? []), ...(verdict?.evidence ?? [])].filter((file) => file.endsWith('.log') && !file.includes('diagnosis'))
  // Where the results have no copy, it is the workspace's own log, which has secrets.
  const redact = redactorOfThisProcess().lines()
  for (const log of logs) {
    const said = readTail(placeOf(log), redact)?.lines.filter((line) => line.trim() !== '').slice(-tailLines) ?? []
    if (said.length > 0) return [`  ${paint.faint(`last lines of ${log}`)}`, ...said.map((line) => paint.faint(`  | ${plain(line)}`))]
  }
  return []
}

function teardownLine(record: RunRecord, paint: Paint): string {
  const total = `${(record.durationMs / 1000).toFixed(1)} s`
  if (!record.teardown) return `${paint.bad(record.outcome)} in ${total}; the teardown did not run to its end`
  const { leftovers, hostChanges, workspaceKept, processesKept } = record.teardown
  const left = [
    ...(leftovers.length > 0 ? [paint.bad(`left behind: ${plain(leftovers.join('; '))}`)] : []),
    ...(hostChanges.length > 0 ? [paint.bad(`changed outside the sandbox: ${plain(hostChanges.join('; '))}`)] : []),
  ]
  if (left.length === 0) {
    const gone = `nothing left behind (${(record.teardown.durationMs / 1000).toFixed(1)} s)`
    left.push(processesKept ? 'workspace kept, its stack is left running' : workspaceKept ? 'workspace kept, no process left' : gone)
  }
  const outcome = record.outcome === 'passed' ? paint.good('passed') : record.outcome === 'paused' ? paint.strong(`paused before "${record.paused?.stage ?? ''}"`) : paint.bad(record.outcome)
  return `${outcome} in ${total}, ${left.join('; ')}`
}

const indent = (text: string, by: string): string[] => text.split('\n').map((line) => by + line)

/**
 * What programs said may hold terminal codes; printed, they would move the cursor or change colours. And GitHub would obey
 * it where a line begins with `::`, or has `##[` (docs.github.com, "Workflow commands"): a blank breaks them.
 */
const plain = (text: string): string => xmlText(text).replaceAll(/[\u007F-\u009F]/g, '').replaceAll(/^([^\S\n]*):(?=:)/gm, '$1: ').replaceAll('##[', '## [')

/** A text after a painted title, wrapped. */
function titled(title: string, between: string, text: string, paint: (title: string) => string): string[] {
  const [first = '', ...more] = wrapped(`${title} ${between}`, plain(text), textColumns)
  return [paint(title) + first.slice(title.length), ...more]
}

/** Vitest marks what was expected with `-` or a word, and what came with `+` or another word. */
function paintDiff(line: string, paint: Paint): string {
  if (/^\s*(?:- |Expected:)/.test(line)) return paint.good(line)
  return /^\s*(?:\+ |Received:)/.test(line) ? paint.bad(line) : line
}

/** Relative where that is inside the folder the user is in; a way up and down again is harder to read than the whole path. */
function shortest(path: string, cwd: string): string {
  const short = relative(cwd, path)
  return short === '' ? '.' : short.startsWith('..') || isAbsolute(short) ? path : short
}
