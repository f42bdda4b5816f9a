import type { LaneRecord } from '../../harness/record.ts'
import { difference } from './diff.ts'
import { html, type Html } from './html.ts'
import { count } from './numbers.ts'
import { laneId, sign, type Page } from './parts.ts'

/** What each lane changed in the lists that the suite shows of its stack. */
export function snapshotsPart({ record }: Page): Html {
  const lanes = record.lanes.flatMap((lane, index) => lane.snapshots ? [{ lane, index }] : [])
  if (lanes.length === 0) return html``
  return html`<section id="changes" aria-labelledby="changes-title"><h2 id="changes-title">Before and after</h2>
<p class="hint">What the suite shows of its stack, before a lane and after it: <span class="added">+ came</span>, <span class="removed">− went</span>.</p>
${lanes.map(({ lane, index }) => html`<div class="card change"><h3>${sign(lane.status)} <a href="#${laneId(index)}">${lane.name}</a></h3><div class="lists">${listsOf(lane)}</div></div>`)}</section>`
}

function listsOf({ snapshots }: LaneRecord): Html[] {
  const { before, after } = snapshots ?? {}
  return [...new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])].map((title) => listPart(title, before?.[title], after?.[title]))
}

function listPart(title: string, before: readonly string[] | undefined, after: readonly string[] | undefined): Html {
  const known = before ?? after ?? []
  if (!before || !after) {
    return html`<div class="list"><h4>${title}: ${known.length} ${before ? 'before' : 'after'}</h4>${known.length > 0 && names(known, 'show them', 'kept')}</div>`
  }
  const { added, removed, kept } = difference(before, after)
  if (added.length + removed.length === 0) {
    return html`<div class="list"><h4>${title}: no change <span class="time">(${kept.length})</span></h4>${kept.length > 0 && names(kept, 'show them', 'kept')}</div>`
  }
  return html`<div class="list changed"><h4>${title}: ${before.length} → ${after.length}</h4>
<ul class="diff">${removed.map((name) => html`<li class="removed"><span aria-hidden="true">−</span><span class="unseen">went: </span> <code>${name}</code></li>`)}${added.map((name) => html`<li class="added"><span aria-hidden="true">+</span><span class="unseen">came: </span> <code>${name}</code></li>`)}</ul>
${kept.length > 0 && names(kept, `${count(kept.length, 'other')} stayed`, 'kept')}</div>`
}

const names = (list: readonly string[], label: string, look: string): Html =>
  html`<details class="tests"><summary>${label}</summary><ul class="diff">${list.map((name) => html`<li class="${look}"><code>${name}</code></li>`)}</ul></details>`
