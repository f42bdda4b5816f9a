import type { PromiseRecord, RunRecord, StaleFindingRecord } from '../harness/record.ts'
import { count } from './html/numbers.ts'

/** What of a run is told to the people whose promises were checked; undefined where a run has no checks. */
export interface Findings {
  readonly run: string
  readonly suite: string
  readonly versions: Readonly<Record<string, string>>
  /** Names of the checks without a finding. */
  readonly worked: readonly string[]
  readonly findings: readonly PromiseRecord[]
  /** Those that were known and came no more. */
  readonly stale: readonly StaleFindingRecord[]
  /** Checks that could not be judged, and why: these are no findings. */
  readonly notJudged: readonly { readonly check: string; readonly why: string }[]
}

/** Collects the findings of a run, in the order of its checks. */
export function findingsOf(record: RunRecord): Findings | undefined {
  const checks = record.lanes.flatMap(({ name, steps }) => steps.filter(({ kind }) => kind === 'check').map((step) => ({ lane: name, step })))
  const { findings = [], staleFindings: stale = [] } = record
  if (checks.length === 0 && findings.length === 0) return undefined
  const silent = checks.filter(({ lane, step }) => ![...findings, ...stale].some((finding) => finding.lane === lane && finding.step === step.name))
  return {
    run: record.run, suite: record.suite, versions: record.facts, findings, stale,
    worked: silent.filter(({ step }) => step.status === 'passed').map(({ step }) => step.name),
    notJudged: silent.filter(({ step }) => step.status !== 'passed').map(({ step }) => ({
      check: step.name, why: step.verdict ? `${step.verdict.class}: ${step.verdict.diagnosis.split('\n')[0] ?? ''}` : step.reason ?? step.status,
    })),
  }
}

/** How it stands, on one line: a run that passed may have found a lot, all of it known. */
export function standingOf({ findings, stale, worked, notJudged }: Findings): string {
  const of = (weight: Severity): number => findings.filter(({ severity }) => severity === weight).length
  const weights = ([[of('high'), of('high') === 1 ? 'breaks a promise' : 'break a promise'], [of('low'), 'of less weight'], [of('unclear'), 'unclear']] as const)
    .filter(([number]) => number > 0).map(([number, words]) => `${number} ${words}`)
  return [
    findings.length === 0 ? 'no findings' : `${count(findings.length, 'finding')}: ${findings.filter(({ expected }) => !expected).length} new; ${weights.join(', ')}`,
    count(worked.length, 'check holds', 'checks hold'),
    ...(stale.length > 0 ? [`${count(stale.length, 'known one was', 'known ones were')} not found any more`] : []),
    ...(notJudged.length > 0 ? [`${count(notJudged.length, 'check was', 'checks were')} not judged`] : []),
  ].join('; ')
}

type Severity = PromiseRecord['severity']

/** A finding as the first check saw it, and all checks that did. */
export type ToldFinding = PromiseRecord & { readonly seen: readonly { readonly lane: string; readonly step: string }[] }

/** Findings that stand under one heading. */
export interface FindingGroup {
  readonly kind: 'new' | 'known'
  readonly severity: Severity
  readonly title: string
  readonly told: readonly ToldFinding[]
}

const titles: Readonly<Record<Severity, string>> = { high: 'What broke', low: 'What broke, of less weight', unclear: 'What was unclear' }

/** Findings as they are to be read: the new ones first, then by weight, then by section; what several checks found once. */
export function findingGroups(findings: readonly PromiseRecord[]): FindingGroup[] {
  return (['new', 'known'] as const).flatMap((kind) => (['high', 'low', 'unclear'] as const).flatMap((severity): FindingGroup[] => {
    const told = together(findings.filter((finding) => finding.severity === severity && finding.expected === (kind === 'known')))
    return told.length === 0 ? [] : [{ kind, severity, told, title: kind === 'new' ? `New: ${titles[severity].replace(/^W/, 'w')}` : titles[severity] }]
  }))
}

/** Each once, by section and id: lanes that run beside each other come in another order each time. */
function together(findings: readonly PromiseRecord[]): ToldFinding[] {
  const groups = new Map<string, PromiseRecord[]>()
  for (const finding of findings) {
    const key = JSON.stringify([finding.section, finding.id, finding.promised])
    const same = groups.get(key)
    if (same) same.push(finding)
    else groups.set(key, [finding])
  }
  return [...groups.values()].flatMap(([first, ...more]) => first ? [{ ...first, seen: [first, ...more].map(({ lane, step }) => ({ lane, step })) }] : [])
    .toSorted((one, other) => inNumbersOrder(one.section, other.section) || inNumbersOrder(one.id, other.id))
}

/** Compares `1.5` and `1.10` as the numbers of sections that they are. */
export const inNumbersOrder = new Intl.Collator('en', { numeric: true }).compare
