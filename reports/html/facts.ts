import { html, type Html } from './html.ts'
import type { Page } from './parts.ts'

/** Facts whose names begin alike stand together: `version.node` under "version". */
export function factsPart({ record }: Page): Html {
  const groups = new Map<string, [string, string][]>()
  for (const [name, value] of Object.entries(record.facts)) {
    const [group, rest] = name.includes('.') ? [name.slice(0, name.indexOf('.')), name.slice(name.indexOf('.') + 1)] : ['', name]
    groups.set(group, [...(groups.get(group) ?? []), [rest, value]])
  }
  if (groups.size === 0) return html``
  return html`<section id="facts" aria-labelledby="facts-title"><h2 id="facts-title">Facts</h2>
<div class="card facts">${[...groups].map(([group, facts]) => html`<div><h3>${group === '' ? 'other' : group}</h3><dl>${facts.map(([name, value]) => html`<div><dt>${name}</dt><dd><code>${value}</code></dd></div>`)}</dl></div>`)}</div></section>`
}
