import type { LaneRecord, StepRecord } from '../../harness/record.ts'
import { html, type Html } from './html.ts'
import { budgetText, count, duration, size, type TimeScale } from './numbers.ts'
import { diagnosis, fileAndLog, laneId, sign, stageId, word, type Page } from './parts.ts'

/** Every lane with its steps: when they ran, and how much of their budgets they used. */
export function timelinePart(page: Page): Html {
  const { record, scale } = page
  const { teardown } = record
  return html`<section id="timeline" aria-labelledby="timeline-title"><h2 id="timeline-title">Timeline</h2>
<p class="hint">First bar: when a step ran; the thin line is the time that its budget allowed. Second bar: the share of the budget that it used, with a mark at the half.</p>
<div class="axis" aria-hidden="true"><svg height="16" width="100%">${scale.ticks(8).map(({ share, text }) => html`<text x="${percent(share)}" y="12"${share > 0.97 && html` text-anchor="end"`}>${text}</text>`)}</svg></div>
${record.lanes.map((lane, index) => lanePart(page, lane, index))}
${teardown !== null && html`<div class="lane"><h3>${sign(teardown.leftovers.length + teardown.hostChanges.length === 0 ? 'passed' : 'failed')} teardown <span class="time">${duration(teardown.durationMs)}</span></h3>
<div class="row still"><span class="name">${teardown.processesKept ? 'the stack is left running' : teardown.workspaceKept ? 'the sandbox is kept' : 'undo everything'}</span>${ganttBar(scale, { from: scale.startMs + scale.totalMs - teardown.durationMs, ranMs: teardown.durationMs, status: 'passed' })}<span class="spent">${duration(teardown.durationMs)}</span><span class="share"></span></div></div>`}
</section>`
}

function lanePart(page: Page, lane: LaneRecord, index: number): Html {
  const failed = lane.tests.filter(({ status }) => status === 'failed').length
  const ran = lane.tests.filter(({ status }) => status === 'passed' || status === 'failed').length
  return html`<div class="lane" id="${laneId(index)}"><h3>${sign(lane.status)} ${lane.name}${lane.purpose === 'set-up' && html` <span class="tag">set-up</span>`} <span class="time">${lane.startedAt === undefined ? word(lane.status) : duration(lane.durationMs)}</span></h3>
${lane.reason !== undefined && html`<p class="reason">${lane.reason}</p>`}
${lane.steps.length > 0 && html`<ol class="steps">${lane.steps.map((step, at) => html`<li>${stepRow(page, step, index, at)}</li>`)}</ol>`}
${lane.tests.length > 0 && lane.startedAt !== undefined && html`<details class="tests"><summary>${count(ran, 'test')}, ${failed === 0 ? 'none failed' : `${failed} failed`}</summary><ul class="plain">${lane.tests.map((test) => html`<li>${sign(test.status)} ${test.name}</li>`)}</ul></details>`}</div>`
}

function stepRow(page: Page, step: StepRecord, lane: number, at: number): Html {
  const { scale } = page
  const skipped = step.status === 'skipped'
  const from = Date.parse(step.startedAt)
  // What never ended ran until everything did.
  const ranMs = step.status === 'running' ? Math.max(0, scale.startMs + scale.totalMs - from) : step.durationMs
  const share = step.budgetMs > 0 ? ranMs / step.budgetMs : 0
  const half = step.slow === true || share > 0.5
  return html`<details class="step"><summary class="row"><span class="name">${sign(step.status)} ${step.name}${half && !skipped && html` <span class="tag warn">${share > 1 ? 'over budget' : html`over half<span class="unseen"> of its budget</span>`}</span>`}</span>${skipped ? html`<span class="gantt"></span><span class="spent">skipped</span><span class="share"></span>` : html`${ganttBar(scale, { from, ranMs, budgetMs: step.budgetMs, status: step.status })}<span class="spent">${duration(ranMs)} <span class="of">of ${budgetText(step.budgetMs)}</span></span>${shareBar(share)}`}</summary>
<div class="more">
${step.reason !== undefined && html`<p>${step.reason}</p>`}
${step.verdict && html`<p><strong class="badge">${step.verdict.class}</strong></p>${diagnosis(step.verdict.diagnosis)}`}
${!skipped && html`<p>${step.kind === 'stage' ? 'An agent session' : step.kind === 'check' ? 'A check' : 'A step'}, begun ${duration(Math.max(0, from - scale.startMs))} after the run.${step.usage && ` At its worst: ${size(step.usage.peakMemoryBytes)} of memory in ${count(step.usage.peakProcesses, 'process', 'processes')}, ${step.usage.peakCpuPercent.toFixed(0)} % of a core.`}</p>`}
${step.stage && html`<p><a href="#${stageId(lane, at)}">Read the conversation</a></p>`}
${step.logs.length > 0 && html`<ul class="files">${step.logs.map((log) => html`<li>${fileAndLog(page, log)}</li>`)}</ul>`}
</div></details>`
}

interface Bar {
  readonly from: number
  readonly ranMs: number
  readonly budgetMs?: number
  readonly status: StepRecord['status']
}

const percent = (share: number): string => `${(share * 100).toFixed(2)}%`

/** A bar on the run's own time; a budget that reaches beyond the run ends at its edge. */
function ganttBar(scale: TimeScale, { from, ranMs, budgetMs, status }: Bar): Html {
  const start = scale.at(from)
  // However short, it can be seen, also at the right edge.
  const width = Math.max(0.004, scale.at(from + ranMs) - start)
  const x = Math.min(start, 1 - width)
  const until = budgetMs === undefined ? undefined : scale.at(from + budgetMs)
  const within = budgetMs !== undefined && from + budgetMs < scale.startMs + scale.totalMs
  return html`<span class="gantt" aria-hidden="true"><svg height="14" width="100%">${scale.ticks(8).map(({ share }) => html`<line class="grid" x1="${percent(share)}" x2="${percent(share)}" y1="0" y2="14"/>`)}${until !== undefined && html`<line class="budget" x1="${percent(start)}" x2="${percent(until)}" y1="7" y2="7"/>${within && html`<line class="budget" x1="${percent(until)}" x2="${percent(until)}" y1="3" y2="11"/>`}`}<rect class="ran ${status}" x="${percent(x)}" width="${percent(width)}" y="2" height="10" rx="2"/></svg></span>`
}

function shareBar(share: number): Html {
  const level = share > 1 ? 'over' : share > 0.5 ? 'half' : 'well'
  const text = share > 0 && share < 0.01 ? 'under 1 %' : `${(share * 100).toFixed(0)} %`
  return html`<span class="share"><svg height="14" width="100%" aria-hidden="true"><rect class="track" width="100%" y="3" height="8" rx="2"/><rect class="used ${level}" width="${percent(Math.min(1, share))}" y="3" height="8" rx="2"/><line class="mark" x1="50%" x2="50%" y1="1" y2="13"/></svg><span>${text}</span></span>`
}
