import { createHash } from 'node:crypto'
import type { RunRecord } from '../../harness/record.ts'
import { conversationsPart } from './conversation.ts'
import { curvesPart } from './curves.ts'
import { embedLogs, logLimits, type LogLimits } from './embedded-logs.ts'
import { factsPart } from './facts.ts'
import { findingsPart } from './findings.ts'
import { html, ours, type Html } from './html.ts'
import { logsPart } from './logs.ts'
import { timeScale } from './numbers.ts'
import { palettes } from './palette.ts'
import type { Page } from './parts.ts'
import { processesPart } from './processes.ts'
import { script } from './script.ts'
import { snapshotsPart } from './snapshots.ts'
import { style } from './style.ts'
import { timelinePart } from './timeline.ts'
import { verdictPart } from './verdict.ts'

/** Where a run's workspace was kept, and the commands that go on in it and that remove it. */
export type Kept = NonNullable<Page['kept']>

/**
 * A run as one page that needs nothing but itself: no network, no other file, and no script to be read. Links lead to the
 * files of the results, relative to the page.
 * @param results folder of the run, in which the page will lie
 */
export function reportPage(record: RunRecord, results: string, { kept, limits = logLimits }: { readonly kept?: Kept | undefined; readonly limits?: LogLimits } = {}): string {
  const page: Page = {
    record, results, scale: timeScale(Date.parse(record.startedAt), record.durationMs), logs: embedLogs(results, record, limits),
    kept: record.teardown?.workspaceKept === true ? kept : undefined,
  }
  const parts = [
    ['verdict', 'Verdict', verdictPart], ['findings', 'Findings', findingsPart], ['facts', 'Facts', factsPart], ['timeline', 'Timeline', timelinePart], ['conversations', 'Conversations', conversationsPart],
    ['changes', 'Before and after', snapshotsPart], ['logs', 'Logs', logsPart], ['usage', 'What it used', curvesPart], ['processes', 'Processes', processesPart],
  ] as const
  const made = parts.map(([id, title, make]) => ({ id, title, content: make(page) })).filter(({ content }) => content.markup !== '')
  return html`${ours('<!doctype html>')}
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>${record.outcome}: ${record.suite}, run ${record.run}</title>
${icon(record.outcome)}
<style>${ours(style)}</style>
</head>
<body>
<a class="skip" href="#verdict">Skip to the verdict</a>
<header><p class="brand"><strong>clone-smoke</strong></p><nav aria-label="Parts of the report"><ul>${made.map(({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`)}</ul></nav></header>
<main>
${made.map(({ content }) => content)}
</main>
<footer><p>Everything of this run: <a href="./run.json">run.json</a>, <a href="./junit.xml">junit.xml</a>, <a href="./progress.ndjson">progress.ndjson</a>, <a href="./logs/">logs/</a>, <a href="./transcripts/">transcripts/</a></p></footer>
<script>${ours(script)}</script>
</body>
</html>
`.markup
}

const hash = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`

/** Nothing from anywhere, and of what stands in the page only our own style and script. */
const policy = `default-src 'none'; style-src ${hash(style)}; script-src ${hash(script)}; img-src data:; base-uri 'none'; form-action 'none'`

/** The tab's icon tells the outcome, too. */
function icon(outcome: RunRecord['outcome']): Html {
  const { light } = palettes
  const [colour, path] = outcome === 'passed' ? [light.good, 'M4 8.5l3 3 5-6'] : outcome === 'paused' ? [light.warn, 'M6 5v6M10 5v6'] : [light.bad, 'M5 5l6 6M11 5l-6 6']
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="8" fill="${colour}"/><path d="${path}" fill="none" stroke="#fff" stroke-width="2" stroke-linecap="round"/></svg>`
  return html`<link rel="icon" href="data:image/svg+xml,${encodeURIComponent(svg)}">`
}
