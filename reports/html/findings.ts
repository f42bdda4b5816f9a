import type { StaleFindingRecord } from '../../harness/record.ts'
import { findingGroups, findingsOf, type FindingGroup, type ToldFinding } from '../findings.ts'
import { html, type Html } from './html.ts'
import { count } from './numbers.ts'
import { command, type Page } from './parts.ts'

const kinds = { new: ' (not known of this version)', known: ' of this version', stale: ' (known, and not found any more)' } as const
type Kind = keyof typeof kinds

/** Promises that were not kept, the new ones first and open; boxes to tick choose which are shown, without a script. */
export function findingsPart({ record }: Page): Html {
  const { findings = [], stale = [] } = findingsOf(record) ?? {}
  const groups = findingGroups(findings)
  const told = groups.reduce((sum, group) => sum + group.told.length, 0)
  const of: Readonly<Record<Kind, { readonly number: number; readonly parts: readonly Html[] }>> = {
    new: { number: findings.filter(({ expected }) => !expected).length, parts: groups.filter(({ kind }) => kind === 'new').map(groupPart) },
    known: { number: findings.filter(({ expected }) => expected).length, parts: groups.filter(({ kind }) => kind === 'known').map(groupPart) },
    stale: { number: stale.length, parts: [html`<div class="group stale"><h3>Known, and not found any more</h3><div class="promises">${stale.map(stalePart)}</div></div>`] },
  }
  const shown = (['new', 'stale', 'known'] as const).filter((kind) => of[kind].number > 0)
  if (shown.length === 0) return html``
  return html`<section id="findings" aria-labelledby="findings-title"><h2 id="findings-title">Findings</h2>
<p class="hint">${shown.map((kind, index) => html`${index > 0 && ', '}${of[kind].number} ${kind}${kinds[kind]}`)}${told < findings.length && html`; what several checks found is told once, so ${told} are below`}; as a text to paste: <a href="./findings.md">findings.md</a></p>
${shown.length > 1 && html`<fieldset class="filter"><legend>Show</legend>${shown.map((kind) => html`<label><input type="checkbox" id="show-${kind}" checked> ${count(of[kind].number, `${kind} one`)}</label>`)}</fieldset>`}
${shown.map((kind) => of[kind].parts)}</section>`
}

const kindTag = (kind: Kind): Html => html`<span class="tag ${kind === 'new' ? 'new' : kind === 'stale' && 'warn'}">${kind}</span>`

const groupPart = ({ kind, title, told }: FindingGroup): Html =>
  html`<div class="group ${kind}"><h3>${title} <span class="time">${told.length}</span></h3><div class="promises">${told.map((finding) => findingPart(finding, kind))}</div></div>`

function findingPart({ section, id, promised, happened, reproduce, seen }: ToldFinding, kind: Kind): Html {
  return html`<details class="promise ${kind}"${kind === 'new' && ' open'}><summary><span class="section">§${section}</span> <span class="title">${promised}</span> ${kindTag(kind)} <code class="id">${id}</code>${seen.length > 1 && html` <span class="time">${seen.length} times</span>`}</summary>
<dl class="why"><div><dt>happened</dt><dd class="words">${happened}</dd></div><div><dt>found by</dt><dd>${seen.map(({ lane, step }, index) => html`${index > 0 && '; '}${step}, in lane ${lane}`)}</dd></div></dl>
${reproduce !== '' && command('To see it', reproduce)}</details>`
}

const stalePart = ({ lane, step, id }: StaleFindingRecord): Html =>
  html`<div class="promise stale"><p>${kindTag('stale')} <strong class="id">${id}</strong></p><p class="hint">${step}, in lane ${lane}, did not find it: look whether it is mended, then take it out of the known findings.</p></div>`
