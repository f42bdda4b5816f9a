import { asTyped } from '../options/as-typed.ts'
import { optionRows } from '../options/describe.ts'
import { variableOf } from '../options/definitions.ts'
import { budgetMsOf } from '../lanes/budget.ts'
import { routeBetween } from '../lanes/route.ts'
import type { Plan } from './plan.ts'

/** A plan as data: what `clone-smoke plan --json` prints. */
export interface PlanRecord {
  readonly schema: 1
  readonly suite: string
  readonly workspace: string
  readonly place: string
  readonly results: string
  readonly options: readonly { readonly key: string; readonly value: unknown; readonly from: string }[]
  readonly sources: Readonly<Record<string, string>>
  readonly ports: Readonly<Record<string, number | string>>
  readonly found: Readonly<Record<string, string>>
  readonly agent: string
  readonly lanes: readonly PlannedLane[]
  readonly notes: readonly string[]
}

export interface PlannedLane {
  readonly name: string
  readonly purpose: 'selected' | 'set-up' | 'done'
  readonly proves: string
  readonly needs: string
  readonly leaves: string
  readonly steps: readonly { readonly name: string; readonly kind: 'step' | 'check' | 'stage'; readonly budgetSeconds: number }[]
}

const places = {
  new: 'a new workspace', replace: 'what is there is thrown away', again: 'an earlier workspace, begun again in the same place and on the same ports',
  'go on': 'an earlier workspace, gone on with',
} as const

export function planRecord(plan: Plan): PlanRecord {
  const { options, suite, place } = plan
  const earlier = place.kind === 'again' || place.kind === 'go on' ? place.reuse.marker.ports : {}
  return {
    schema: 1, suite: suite.name, workspace: plan.root, place: places[place.kind], results: options.results,
    options: optionRows(suite.options).filter(({ key }) => !key.includes('.')).map(({ key }) => ({
      key, value: { ...options, ...options.own }[key] ?? null, from: asTyped(options.origins[key] ?? 'default', process.env.SMOKE_TYPED),
    })),
    sources: Object.fromEntries(Object.entries(plan.sources).map(([name, source]) => [name, source.kind === 'git' ? `${source.url}${source.ref === undefined ? '' : `#${source.ref}`}` : source.folder])),
    ports: Object.fromEntries(suite.ports.map((name) => [name, options.ports[name] ?? earlier[name] ?? 'a free one'])),
    found: plan.facts, agent: plan.agentFile, lanes: plannedLanes(plan), notes: plan.notes,
  }
}

/** The lanes in the order they will run, with those that only bring the sandbox to the state another one needs. */
function plannedLanes({ suite, selected, options, place }: Plan): PlannedLane[] {
  const planned: PlannedLane[] = []
  const taken = new Set<string>()
  const done = place.kind === 'go on' ? place.done : []
  const goesOn = selected.some((name) => !done.includes(name))
  let state = place.kind === 'go on' ? place.reuse.state?.state ?? 'nothing' : 'nothing'
  const add = (lane: Plan['suite']['lanes'][number], purpose: PlannedLane['purpose']): void => {
    taken.add(lane.name)
    if (purpose !== 'done') state = lane.leaves
    planned.push({
      name: lane.name, purpose, proves: lane.proves, needs: lane.needs, leaves: lane.leaves,
      steps: Object.entries(lane.steps).map(([name, definition]) => ({
        name, kind: definition.kind, budgetSeconds: budgetMsOf(definition, options) / 1000,
      })),
    })
  }
  const resume = place.kind === 'go on' && !(place.reuse.alive && place.reuse.state?.paused) ? suite.resume?.[state] : undefined
  let resumed = resume === undefined
  for (const lane of suite.lanes.filter(({ name }) => selected.includes(name))) {
    if (taken.has(lane.name)) continue
    if (options.bootstrapOnly && lane !== suite.lanes[0]) continue
    if (done.includes(lane.name) && (goesOn || lane.needs === 'nothing')) {
      add(lane, 'done')
      continue
    }
    if (!resumed && resume) add({ ...resume, name: 'resume' }, 'set-up')
    resumed = true
    for (const before of routeBetween(suite.lanes.filter(({ name }) => !taken.has(name)), state, lane.needs) ?? []) add(before, 'set-up')
    add(lane, 'selected')
  }
  return planned
}

/** A plan for a person to read. */
export function planText(record: PlanRecord): string {
  const changed = record.options.filter(({ from }) => from !== 'default')
  const column = Math.max(...record.lanes.flatMap(({ steps }) => steps.map(({ name }) => name.length)), 10)
  return [
    `suite      ${record.suite}`,
    `workspace  ${record.workspace} (${record.place})`,
    `results    ${record.results}`,
    ...(record.agent === '' ? [] : [`agent      ${record.agent}`]),
    ...section('sources', Object.entries(record.sources).map(([name, from]) => `${name}: ${from}`)),
    ...section('ports', Object.entries(record.ports).map(([name, port]) => `${name}: ${port}`)),
    ...section('found here', Object.entries(record.found).map(([name, value]) => `${name.replace('version.', '')} ${value}`)),
    ...section('options that are not the default', changed.map(({ key, value, from }) => `${variableOf(key)} = ${String(value)}   (${from})`)),
    ...section('notes', record.notes),
    ...record.lanes.flatMap((lane, index) => [
      '', `${index + 1}. ${lane.name}${lane.purpose === 'selected' ? '' : ` (${lane.purpose})`}: ${lane.proves}`,
      `   ${lane.needs} -> ${lane.leaves}`,
      ...(lane.purpose === 'done' ? [] : lane.steps.map(({ name, kind, budgetSeconds }) => `   - ${name.padEnd(column)}  ${budgetSeconds} s${kind === 'stage' ? ', the agent' : ''}`)),
    ]),
    '', 'Nothing was made or changed.',
  ].join('\n')
}

const section = (title: string, lines: readonly string[]): string[] => lines.length === 0 ? [] : ['', `${title}:`, ...lines.map((line) => `  ${line}`)]
