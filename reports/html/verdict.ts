import type { LaneRecord, RunRecord, TestRecord } from '../../harness/record.ts'
import { verdictClasses } from '../../harness/verdict.ts'
import { findingsOf, standingOf } from '../findings.ts'
import { html, visible, type Html } from './html.ts'
import { budgetText, count, duration, size } from './numbers.ts'
import { command, diagnosis, fileAndLog, laneId, sign, stageId, word, type Page } from './parts.ts'

/** What came of the run; for a failure its first cause, what to do next, and what followed from it. */
export function verdictPart(page: Page): Html {
  const { record } = page
  const { teardown } = record
  const [cause, ...others] = record.lanes.filter(({ status }) => status === 'failed')
  const skipped = record.lanes.filter(({ status }) => status === 'skipped' || status === 'not-run')
  const followed = cause ? testsOf(cause).followed : []
  const left = [...(teardown?.leftovers ?? []), ...(teardown?.hostChanges ?? [])]
  const findings = findingsOf(record)
  const soAlso = cause?.verdict?.consequences ?? []
  return html`<section id="verdict" class="verdict ${record.outcome}" aria-labelledby="outcome">
<h1 id="outcome">${sign(record.outcome)} <span>${headline(record, cause)}</span></h1>
${findings && html`<p class="standing">${findings.findings.length + findings.stale.length > 0 ? html`<a href="#findings">${standingOf(findings)}</a>` : standingOf(findings)}</p>`}
<p class="about">Suite <strong>${record.suite}</strong>, run <code>${record.run}</code>${startText(record.startedAt)}</p>
<ul class="stats">${statsOf(record).map((text) => html`<li>${text}</li>`)}</ul>
<ol class="strip" aria-label="Lanes">${record.lanes.map((lane, index) => html`<li><a href="#${laneId(index)}">${sign(lane.status)} ${lane.name}${lane.startedAt !== undefined && html` <span class="time">${duration(lane.durationMs)}</span>`}</a></li>`)}</ol>
${cause && html`<h2>What went wrong</h2>${lanePart(page, cause)}`}
${skipped.length + followed.length + soAlso.length > 0 && html`<h2>${cause ? 'What followed from it' : 'What did not run'}</h2>
${soAlso.length > 0 && html`<ul class="plain">${soAlso.map((text) => html`<li>${text}</li>`)}</ul>`}
${followed.length > 0 && html`<details class="tests followed"><summary>${count(followed.length, 'other test')} of lane ${cause?.name} failed</summary>${followed.map((test) => html`<h3>${test.name}</h3><pre class="told" tabindex="0" role="group" aria-label="message">${test.message ?? 'failed'}</pre>`)}</details>`}
${skipped.length > 0 && html`<ul class="plain">${skipped.map((lane) => html`<li>${sign(lane.status)} <strong>${lane.name}</strong> ${word(lane.status)}: ${lane.reason ?? 'no reason is known'}</li>`)}</ul>`}`}
${others.map((lane) => html`<h2>Also failed: ${lane.name}</h2>${lanePart(page, lane)}`)}
${record.errors.length > 0 && html`<h2>Errors outside the lanes</h2>${record.errors.map((error) => html`<div class="card bad">${diagnosis(error)}</div>`)}`}
${left.length > 0 && html`<h2>${teardown?.leftovers.length === 0 ? 'What the run changed outside the sandbox' : 'What the run left behind'}</h2><div class="card bad">${teardown?.verdict && diagnosis(`${teardown.verdict.class}: ${verdictClasses[teardown.verdict.class]}`)}<ul>${(teardown?.leftovers ?? []).map((text) => html`<li>${text}</li>`)}${(teardown?.hostChanges ?? []).map((text) => html`<li>changed outside the sandbox: ${text}</li>`)}</ul>${teardown?.verdict?.remedy !== undefined && html`<h3>Remedy</h3><p>${teardown.verdict.remedy}</p>`}</div>`}
${record.paused && html`<h2>It waits for you</h2><div class="card"><p class="diagnosis">Lane ${record.paused.lane} stopped before its agent session “${record.paused.stage}”.</p><p>What is to be done stands in <code>${page.kept ? `${page.kept.workspace}/${record.paused.file}` : record.paused.file}</code>.</p></div>`}
${page.kept && html`<h2>The sandbox was kept</h2><div class="card"><p>In <code>${page.kept.workspace}</code>${teardown?.processesKept === true ? ', and its stack is left running.' : ', without its processes.'}</p>${command('Go on', page.kept.goOn)}${command('Give up', page.kept.giveUp)}</div>`}
${record.notes.length > 0 && html`<details class="notes"${record.notes.length <= 3 ? ' open' : ''}><summary><h2>${count(record.notes.length, 'note')}</h2></summary><ul>${record.notes.map((note) => html`<li>${note}</li>`)}</ul></details>`}
</section>`
}

function headline(record: RunRecord, cause: LaneRecord | undefined): string {
  switch (record.outcome) {
    case 'passed':
      return 'Passed'
    case 'paused':
      return `Paused before ${record.paused?.stage ?? 'a stage'}`
    case 'interrupted':
      return cause ? `Interrupted in lane ${cause.name}` : 'Interrupted'
    case 'failed':
      if (cause) return `Failed in lane ${cause.name}`
      if (!record.teardown) return 'Failed: the teardown did not come to its end'
      if (record.errors.length > 0) return 'Failed: an error outside the lanes'
      return record.teardown.leftovers.length === 0 ? 'Failed: something outside the sandbox was changed' : 'Failed: something was left behind'
  }
}

function startText(startedAt: string): Html | undefined {
  const time = Date.parse(startedAt)
  if (Number.isNaN(time)) return undefined
  return html`, <time datetime="${startedAt}">${new Date(time).toISOString().replace(/T(\d\d:\d\d).*/, ' $1 UTC')}</time>`
}

function statsOf(record: RunRecord): (string | Html)[] {
  const ran = record.lanes.filter(({ startedAt }) => startedAt !== undefined)
  const passed = record.lanes.filter(({ status }) => status === 'passed')
  const calls = record.lanes.flatMap(({ steps }) => steps.flatMap(({ stage }) => stage?.calls ?? []))
  const good = calls.filter(({ attempted, executed, effective }) => [attempted, executed, effective].every(({ answer }) => answer === 'yes'))
  const steps = record.lanes.flatMap((lane) => lane.steps)
  const slow = steps.filter((step) => step.slow === true)
  const memory = Math.max(0, ...(record.samples ?? []).map(({ memoryBytes }) => memoryBytes), ...steps.map(({ usage }) => usage?.peakMemoryBytes ?? 0))
  const clean = record.teardown && record.teardown.leftovers.length + record.teardown.hostChanges.length === 0
  return [
    html`<strong>${duration(record.durationMs)}</strong> in all`,
    html`<strong>${passed.length} of ${record.lanes.length}</strong> ${record.lanes.length === 1 ? 'lane' : 'lanes'} passed${ran.length < record.lanes.length && `, ${record.lanes.length - ran.length} not run`}`,
    ...(calls.length > 0 ? [html`<strong>${good.length} of ${calls.length}</strong> expected calls attempted, executed and effective`] : []),
    ...(slow.length > 0 ? [html`<strong>${count(slow.length, 'step')}</strong> took more than half of the budget`] : []),
    ...(memory > 0 ? [html`<strong>${size(memory)}</strong> of memory at the peak`] : []),
    !record.teardown
      ? 'nobody has proven that nothing was left behind'
      : clean !== true ? html`<strong>something</strong> was left behind` : record.teardown.workspaceKept ? 'the sandbox was kept' : html`<strong>nothing</strong> left behind`,
  ]
}

function lanePart(page: Page, lane: LaneRecord): Html {
  const { verdict } = lane
  const at = lane.steps.findIndex(({ status }) => status === 'failed' || status === 'running')
  const step = lane.steps[at]
  const remedy = verdict?.remedy
  return html`<div class="card bad">
${verdict && html`<p class="class"><strong class="badge">${verdict.class}</strong> ${verdictClasses[verdict.class]}${step && html`, in step <strong>${step.name}</strong> after ${duration(step.durationMs)} of ${budgetText(step.budgetMs)}`}</p>`}
${diagnosis(verdict?.diagnosis ?? lane.reason ?? 'a check of its own failed')}
${testsOf(lane).cause.map((test) => html`<h3>${test.name}</h3><pre class="told" tabindex="0" role="group" aria-label="message">${test.message ?? 'failed'}</pre>`)}
${remedy !== undefined && html`<h3>Remedy</h3><p>${remedy}</p>`}
${lane.reproduce !== undefined && html`<h3>Next</h3>${command('See it fail again, and keep the sandbox', lane.reproduce)}`}
${((verdict?.evidence.length ?? 0) > 0 || step?.stage) && html`<h3>Look at</h3><ul class="files">${step?.stage && html`<li><a href="#${stageId(page.record.lanes.indexOf(lane), at)}">the conversation of ${step.name}</a></li>`}${verdict?.evidence.map((path) => html`<li>${fileAndLog(page, path)}</li>`)}</ul>`}
</div>`
}

/** A check of the author's own has more to say than the verdict; what failed beside another cause is its consequence. */
function testsOf(lane: LaneRecord): { readonly cause: readonly TestRecord[]; readonly followed: readonly TestRecord[] } {
  const tests = lane.tests.filter((test) => test.status === 'failed' && !isTold(test, lane))
  return lane.verdict === undefined || lane.verdict.class === 'check-failed' ? { cause: tests, followed: [] } : { cause: [], followed: tests }
}

function isTold(test: TestRecord, { verdict }: LaneRecord): boolean {
  return verdict !== undefined && visible(test.message ?? '').startsWith(`${verdict.class}: ${visible(verdict.diagnosis)}`)
}
