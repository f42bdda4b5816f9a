import type { LaneRecord, RunRecord } from '../harness/record.ts'

/** GitHub shows no more annotations of a kind for one step. */
const mostAnnotations = 10
/** Characters of an annotation: it stands beside code. */
const longest = 4096

/**
 * Workflow commands that show each failure beside its lane's file (docs.github.com, "Workflow commands").
 * @param fileOf the file of a lane's spec, relative to the repository
 */
export function annotations(record: RunRecord, fileOf: (lane: string) => string | undefined): string[] {
  const failed = record.lanes.filter(({ status }) => status === 'failed')
  const all = [
    ...failed.map((lane) => annotation(`${lane.name}: ${lane.verdict?.class ?? 'failed'}`, textOf(lane), fileOf(lane.name))),
    ...record.errors.map((error) => annotation('error outside the lanes', error)),
    ...(record.teardown?.leftovers ?? []).map((left) => annotation('left behind', left)),
    ...(record.teardown?.hostChanges ?? []).map((change) => annotation('changed outside the sandbox', change)),
  ]
  if (all.length <= mostAnnotations) return all
  return [...all.slice(0, mostAnnotations - 1), annotation('more failures', `${all.length - mostAnnotations + 1} more; see the summary`)]
}

function textOf({ verdict, reason, reproduce, tests }: LaneRecord): string {
  const why = verdict?.diagnosis ?? reason ?? tests.find(({ status }) => status === 'failed')?.message ?? ''
  return [why, ...(verdict?.remedy === undefined ? [] : [`remedy: ${verdict.remedy}`]), ...(reproduce === undefined ? [] : [`again: ${reproduce}`])].join('\n')
}

function annotation(title: string, text: string, file?: string): string {
  const properties = [...(file === undefined ? [] : [`file=${property(file)}`]), `title=${property(title)}`]
  return `::error ${properties.join(',')}::${data(text.length > longest ? `${text.slice(0, longest - 1)}…` : text)}`
}

const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')
