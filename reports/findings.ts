import type { PromiseRecord, RunRecord, StaleFindingRecord } from '../harness/record.ts'

/** What of a run is told to the people whose promises were checked; undefined where a run has no checks. */
export interface Findings {
  readonly run: string
  readonly suite: string
  readonly versions: Readonly<Record<string, string>>
  /** Names of the checks without a finding. */
  readonly worked: readonly string[]
  readonly findings: readonly PromiseRecord[]
  /** Those that were expected and came no more. */
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

const titles = { high: 'What broke', low: 'What broke, of less weight', unclear: 'What was unclear' } as const

/** The findings as a text that can be pasted as a reply where the promises stand. */
export function findingsMarkdown({ run, suite, versions, worked, findings, stale, notJudged }: Findings): string {
  const weights = ['high', 'low', 'unclear'] as const
  const versionLines = Object.entries(versions).filter(([name]) => /^(version|source|platform)\b/.test(name)).map(([name, value]) => `- ${name}: ${value}`)
  return [
    `Walked by machine: clone-smoke suite \`${suite}\`, run ${run}; ${worked.length} checks hold, ${findings.length} findings.`,
    ...(versionLines.length > 0 ? ['', ...versionLines] : []),
    '', '### What worked', '', ...(worked.length > 0 ? worked.map((check) => `- ${oneLine(check)}`) : ['- nothing']),
    ...weights.flatMap((weight) => {
      const these = findings.filter(({ severity }) => severity === weight)
      return these.length === 0 ? [] : ['', `### ${titles[weight]}`, ...these.flatMap(findingLines)]
    }),
    ...(stale.length > 0 ? ['', '### Expected, and not found any more', '', ...stale.map(({ step, id }) => `- ${oneLine(step)}: ${oneLine(id)}`)] : []),
    ...(notJudged.length > 0 ? ['', '### Not judged', '', ...notJudged.map(({ check, why }) => `- ${oneLine(check)}: ${oneLine(why)}`)] : []),
    '',
  ].join('\n')
}

function findingLines({ section, id, promised, happened, reproduce, expected }: PromiseRecord): string[] {
  const fence = happened.includes('```') || reproduce.includes('```') ? '~~~~' : '```'
  return [
    '', `**§${section} ${oneLine(id)}**${expected ? ' (known)' : ''}`, '',
    `- promised: ${oneLine(promised)}`, `- happened: ${oneLine(happened)}`,
    ...(reproduce === '' ? [] : ['- to see it:', '', `${fence}sh`, ...reproduce.split('\n'), fence]),
  ]
}

const oneLine = (text: string): string => text.replaceAll(/\s*\n\s*/g, ' ')
