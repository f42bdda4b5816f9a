import type { RunRecord } from '../../harness/record.ts'
import { html, type Html } from './html.ts'
import { roundUp, size, type TimeScale } from './numbers.ts'
import type { Page } from './parts.ts'

type Sample = NonNullable<RunRecord['samples']>[number]

/** Units of the drawing, which are pixels where it is shown at its own width. */
const panel = { height: 74, gap: 26, top: 18, left: 56, right: 8 }
const labelStep = 13
const labelRoom = 132

const curves: readonly { readonly title: string; readonly of: (sample: Sample) => number; readonly text: (value: number) => string }[] = [
  { title: 'CPU, 100 % is one core', of: ({ cpuPercent }) => cpuPercent, text: (value) => `${Math.round(value)} %` },
  { title: 'Memory', of: ({ memoryBytes }) => memoryBytes, text: size },
  { title: 'Processes', of: ({ processes }) => processes, text: (value) => String(Math.round(value)) },
]

/** CPU, memory and processes over the run, with the steps on the axis; and the same in numbers, step by step. */
export function curvesPart({ record, scale }: Page): Html {
  const samples = record.samples ?? []
  const used = record.lanes.flatMap((lane) => lane.steps.flatMap((step) => step.usage ? [{ lane, step, usage: step.usage }] : []))
  if (samples.length < 2 && used.length === 0) return html``
  return html`<section id="usage" aria-labelledby="usage-title"><h2 id="usage-title">What it used</h2>
<p class="hint">All processes of the sandbox together. Pages of memory that processes share count for each of them.</p>
${samples.length >= 2 && html`<div class="card curves">${drawing(record, samples, scale, 1040, 'wide')}${drawing(record, samples, scale, 330, 'narrow')}</div>`}
${used.length > 0 && html`<details class="tests"${samples.length < 2 && ' open'}><summary>The same in numbers</summary><table class="numbers"><thead><tr><th scope="col">Step</th><th scope="col">CPU</th><th scope="col">Memory</th><th scope="col">Processes</th></tr></thead><tbody>${used.map(({ lane, step, usage }) => html`<tr><th scope="row">${lane.name === step.name ? step.name : `${lane.name}: ${step.name}`}</th><td>${usage.peakCpuPercent.toFixed(0)} %</td><td>${size(usage.peakMemoryBytes)}</td><td>${usage.peakProcesses}</td></tr>`)}</tbody></table></details>`}
</section>`
}

function drawing(record: RunRecord, samples: readonly Sample[], scale: TimeScale, width: number, look: 'wide' | 'narrow'): Html {
  const inner = width - panel.left - panel.right
  const x = (time: string): number => round(panel.left + scale.at(Date.parse(time)) * inner)
  const floor = panel.top + curves.length * (panel.height + panel.gap) - panel.gap
  const height = floor + 22 + labelRoom
  const worst = curves.map(({ title, of, text }) => `${title}: at most ${text(Math.max(...samples.map(of)))}`).join('; ')
  return html`<svg class="${look}" viewBox="0 0 ${width} ${height}" role="img" aria-label="Curves over the run. ${worst}">
${bands(record, scale, inner, floor)}
${curves.map(({ title, of, text }, index) => {
    const top = panel.top + index * (panel.height + panel.gap)
    const most = roundUp(Math.max(...samples.map(of)))
    const y = (value: number): number => round(top + panel.height - (Math.min(value, most) / most) * panel.height)
    const points = samples.map((sample) => `${x(sample.at)},${y(of(sample))}`)
    const bottom = top + panel.height
    return html`<text class="title" x="${panel.left + 4}" y="${top - 5}">${title}</text><text class="value" x="${panel.left - 6}" y="${top + 9}">${text(most)}</text><text class="value" x="${panel.left - 6}" y="${bottom}">0</text>
<line class="base" x1="${panel.left}" x2="${width - panel.right}" y1="${top}" y2="${top}"/><line class="base" x1="${panel.left}" x2="${width - panel.right}" y1="${bottom}" y2="${bottom}"/>
<polygon class="area" points="${x(samples[0]?.at ?? '')},${bottom} ${points.join(' ')} ${x(samples.at(-1)?.at ?? '')},${bottom}"/><polyline class="curve" points="${points.join(' ')}"/>`
  })}
${scale.ticks(look === 'wide' ? 10 : 4).map(({ share, text }) => html`<text class="tick" x="${round(panel.left + share * inner)}" y="${floor + 15}"${share > 0.96 && html` text-anchor="end"`}>${text}</text>`)}
${labels(record, scale, inner, floor + 22)}
</svg>`
}

/** A line through all curves where a lane begins. */
function bands(record: RunRecord, scale: TimeScale, inner: number, floor: number): Html[] {
  return record.lanes.flatMap(({ startedAt, durationMs }, index) => {
    if (startedAt === undefined) return []
    const from = scale.at(Date.parse(startedAt))
    const to = scale.at(Date.parse(startedAt) + durationMs)
    return [html`<rect class="band ${index % 2 === 0 ? 'even' : 'odd'}" x="${round(panel.left + from * inner)}" y="${panel.top}" width="${round(Math.max(1, (to - from) * inner))}" height="${floor - panel.top}"/>`]
  })
}

/** The names of the steps, each led from where it began to a place of its own; of too many, the longest steps. */
function labels(record: RunRecord, scale: TimeScale, inner: number, top: number): Html[] {
  const steps = record.lanes.flatMap((lane) => lane.steps).filter(({ status }) => status !== 'skipped')
  const most = Math.floor(inner / labelStep)
  const kept = new Set(steps.toSorted((a, b) => b.durationMs - a.durationMs).slice(0, most))
  // Lanes may run beside each other: places are given from left to right.
  const shown = steps.filter((step) => kept.has(step)).toSorted((a, b) => Date.parse(a.startedAt) - Date.parse(b.startedAt))
  const wanted = shown.map((step) => panel.left + scale.at(Date.parse(step.startedAt)) * inner)
  const places = spread(wanted, labelStep, panel.left + inner)
  return shown.map(({ name }, index) => {
    const [from, to] = [wanted[index] ?? 0, places[index] ?? 0]
    const text = name.length > 20 ? `${name.slice(0, 19)}…` : name
    return html`<path class="lead" d="M${round(from)} ${top - 2}L${round(to)} ${top + 10}"/><text class="step" transform="translate(${round(to + 4)} ${top + 13}) rotate(-90)">${text}</text>`
  })
}

/** Places at least `gap` apart and not beyond `end`, in the same order and close to those wanted. */
export function spread(wanted: readonly number[], gap: number, end: number): number[] {
  const places: number[] = []
  for (const place of wanted) places.push(Math.max(place, (places.at(-1) ?? -Infinity) + gap))
  for (let index = places.length - 1, bound = end; index >= 0; index -= 1, bound -= gap) {
    bound = Math.min(bound, places[index] ?? bound)
    places[index] = bound
  }
  return places
}

const round = (value: number): number => Math.round(value * 10) / 10
