import { join } from 'node:path'
import type { LaneRecord, RunRecord, VerdictRecord } from '../harness/record.ts'
import { readTail } from '../harness/stack/log-tails.ts'
import { findingsOf, standingOf } from './findings.ts'
import { cutText } from './head-and-tail.ts'
import { xmlText } from './xml-text.ts'

/** GitHub drops a summary of more than 1024 KiB as a whole; other steps of the job may write there too. Bytes. */
export const summaryLimit = 900 * 1024

/** How many lines of a log are shown: fewer where they would make it too long. */
const tailLines = [40, 10, 3, 0]

export interface SummaryPlaces {
  readonly results: string
  /** What to type to go on, where the workspace was kept. */
  readonly goOn: string
  readonly workspace: string
}

/** A run as Markdown: lane, verdict and time of each, then each failure with its cause, the next command and its logs folded. */
export function summaryMarkdown(record: RunRecord, places: SummaryPlaces, limit = summaryLimit): string {
  let blocks: readonly Block[] = []
  for (const lines of tailLines) {
    blocks = markdown(record, places, lines)
    if (bytesOf(blocks) <= limit) return textOf(blocks)
  }
  // Between two blocks, so that no fence and no fold stays open.
  const room = limit - 100
  let bytes = 0
  const kept = blocks.slice(0, blocks.findIndex((block) => (bytes += bytesOf([block])) > room))
  return `${textOf(kept)}\n(cut: the whole is in run.json)\n`
}

/** Lines that belong together. */
type Block = readonly string[]

const textOf = (blocks: readonly Block[]): string => blocks.map((lines) => `${lines.join('\n')}\n`).join('')
const bytesOf = (blocks: readonly Block[]): number => Buffer.byteLength(textOf(blocks))

function markdown(record: RunRecord, { results, goOn, workspace }: SummaryPlaces, lines: number): Block[] {
  const { teardown } = record
  const findings = findingsOf(record)
  return [
    [`# clone-smoke: ${inline(record.suite)} ${record.outcome}`],
    ...(findings ? [['', `**${standingOf(findings)}**${findings.findings.length > 0 ? ': they are in findings.md, beside this file' : ''}`]] : []),
    ['', `Run ${code(record.run)}, ${(record.durationMs / 1000).toFixed(1)} s.`],
    ['', '| lane | verdict | time |', '| --- | --- | --- |'],
    ...record.lanes.map((lane) => [`| ${inline(lane.name)} | ${cell(lane)} | ${lane.startedAt === undefined ? '-' : `${(lane.durationMs / 1000).toFixed(1)} s`} |`]),
    ...record.lanes.filter(({ status }) => status === 'failed').flatMap((lane) => failure(lane, results, lines)),
    ...record.errors.map((error) => ['', '## Error outside the lanes', ...fenced(error)]),
    ...(teardown?.verdict ? [['', `## ❌ teardown: ${inline(teardown.verdict.class)}`, ...fenced(teardown.verdict.diagnosis), ...remedyOf(teardown.verdict)]] : []),
    listed('Left behind', teardown?.leftovers ?? []),
    listed('Changed outside the sandbox', teardown?.hostChanges ?? []),
    ...(teardown?.workspaceKept === true ? [['', `The sandbox was kept at ${code(workspace)}. To go on in it:`, ...fenced(goOn, 'sh')]] : []),
  ].filter((block) => block.length > 0)
}

const remedyOf = (verdict: VerdictRecord | undefined): string[] => verdict?.remedy === undefined ? [] : ['', `Remedy: ${inline(verdict.remedy)}`]

function cell({ status, verdict, reason, purpose }: LaneRecord): string {
  const why = status === 'failed' ? (verdict?.class ?? reason) : reason ?? (purpose === 'set-up' ? 'set-up' : undefined)
  const sign = { passed: '✅ passed', failed: '❌ failed', skipped: '⏭️ skipped', 'not-run': '⏹️ not run' }[status]
  return why === undefined ? sign : `${sign}: ${inline(why)}`
}

function failure({ name, verdict, reason, reproduce, tests, steps }: LaneRecord, results: string, lines: number): Block[] {
  const own = tests.filter(({ status, message = '' }) => status === 'failed' && !(verdict !== undefined && message.startsWith(`${verdict.class}: ${verdict.diagnosis}`)))
  const logs = [...new Set([...(verdict?.evidence ?? []), ...steps.filter(({ status }) => status === 'failed').flatMap((step) => step.logs)])]
  return [
    ['', `## ❌ ${inline(name)}: ${inline(verdict?.class ?? 'failed')}`, ...fenced(verdict?.diagnosis ?? reason ?? '')],
    ...own.map((test) => ['', `**${inline(test.name)}**`, ...fenced(test.message ?? '')]),
    remedyOf(verdict),
    ...(reproduce === undefined ? [] : [['', 'Again:', ...fenced(reproduce, 'sh')]]),
    ...(lines === 0 ? [] : logs.map((log) => folded(log, results, lines))),
  ]
}

function folded(log: string, results: string, lines: number): string[] {
  const tail = readTail(join(results, log))
  if (tail?.lines.some((line) => line.trim() !== '') !== true) return []
  return ['', `<details><summary>${html(log)}, last lines</summary>`, ...fenced(tail.lines.slice(-lines).join('\n')), '', '</details>']
}

const listed = (title: string, items: readonly string[]): string[] => items.length === 0 ? [] : ['', `## ${title}`, '', ...items.map((item) => `- ${inline(item)}`)]

/** A block whose fence is longer than any in the text, after an empty line; nothing for an empty text. */
function fenced(text: string, language = ''): string[] {
  const shown = cutText(xmlText(text), 16 * 1024)
  const fence = '`'.repeat(Math.max(3, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length + 1)))
  return shown.trim() === '' ? [] : ['', `${fence}${language}`, shown, fence]
}

/** Text that is text, on one line, also in a table. */
const inline = (text: string): string => xmlText(text).replaceAll(/\s+/g, ' ').replaceAll(/[\\`*_{}[\]<>|#~]/g, String.raw`\$&`)
const code = (text: string): string => `<code>${html(text)}</code>`
const html = (text: string): string => xmlText(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
