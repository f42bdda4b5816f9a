import type { PromiseRecord, StaleFindingRecord } from '../../harness/record.ts'
import { findingsOf } from '../findings.ts'
import { html, type Html } from './html.ts'
import { count } from './numbers.ts'
import { command, type Page } from './parts.ts'

const kinds = { new: 'nobody expects it yet', known: 'expected of this version', stale: 'expected, and not found any more' } as const
type Kind = keyof typeof kinds

const severities: Readonly<Record<PromiseRecord['severity'], string>> = { high: 'breaks', low: 'of less weight', unclear: 'unclear' }

/** Promises that were not kept, the new ones first and open; boxes to tick choose which are shown, without a script. */
export function findingsPart({ record }: Page): Html {
  const { findings = [], stale = [] } = findingsOf(record) ?? {}
  const of: Readonly<Record<Kind, readonly Html[]>> = {
    new: findings.filter(({ expected }) => !expected).map((finding) => findingPart(finding, 'new')),
    known: findings.filter(({ expected }) => expected).map((finding) => findingPart(finding, 'known')),
    stale: stale.map(stalePart),
  }
  const shown = (['new', 'stale', 'known'] as const).filter((kind) => of[kind].length > 0)
  if (shown.length === 0) return html``
  return html`<section id="findings" aria-labelledby="findings-title"><h2 id="findings-title">Findings</h2>
<p class="hint">${shown.map((kind, index) => html`${index > 0 && ', '}${of[kind].length} ${kind} (${kinds[kind]})`)}; as a text to paste: <a href="./findings.md">findings.md</a></p>
${shown.length > 1 && html`<fieldset class="filter"><legend>Show</legend>${shown.map((kind) => html`<label><input type="checkbox" id="show-${kind}" checked> ${count(of[kind].length, `${kind} one`)}</label>`)}</fieldset>`}
<div class="promises">${shown.map((kind) => of[kind])}</div></section>`
}

const kindTag = (kind: Kind): Html => html`<span class="tag ${kind === 'new' ? 'new' : kind === 'stale' && 'warn'}">${kind}</span>`

function findingPart({ section, id, promised, happened, severity, reproduce, lane, step }: PromiseRecord, kind: Kind): Html {
  return html`<details class="promise ${kind}"${kind === 'new' && ' open'}><summary>${kindTag(kind)} <span class="section">§${section}</span> <strong>${id}</strong> <span class="time">${severities[severity]}</span></summary>
<dl class="why"><div><dt>promised</dt><dd>${promised}</dd></div><div><dt>happened</dt><dd class="words">${happened}</dd></div><div><dt>found by</dt><dd>${step}, in lane ${lane}</dd></div></dl>
${reproduce !== '' && command('To see it', reproduce)}</details>`
}

const stalePart = ({ lane, step, id }: StaleFindingRecord): Html =>
  html`<div class="promise stale"><p>${kindTag('stale')} <strong>${id}</strong></p><p class="hint">${step}, in lane ${lane}, did not find it: look whether it is mended, then take it out of the expected findings.</p></div>`
