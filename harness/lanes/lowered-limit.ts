import { optionDefinitions, variableOf, type OptionKey, type OptionValues } from '../options/definitions.ts'
import type { Options } from '../options/resolve.ts'
import type { AnyStep } from '../suite.ts'
import type { Verdict, VerdictClass } from '../verdict.ts'

export interface FailedStep {
  readonly definition: AnyStep
  readonly tookMs: number
}

type Limit = Extract<OptionKey, 'stageTimeout' | 'restartTimeout' | 'budgetScale' | 'heartbeatTimeout'>

/** Failures that a limit brings about in a step, where the step has used up so much of it. */
const limits: readonly { readonly key: Limit; readonly fails: readonly VerdictClass[]; readonly appliesTo?: (step: FailedStep, value: number) => boolean }[] = [
  // An agent gives the servers of a session half of its time to start.
  { key: 'stageTimeout', fails: ['agent-hang', 'agent-startup', 'budget'], appliesTo: ({ definition, tookMs }, value) => definition.kind === 'stage' && tookMs >= value * 500 },
  {
    key: 'restartTimeout', fails: ['restart', 'readiness', 'budget', 'agent-hang', 'tool-failed', 'not-effective'],
    appliesTo: ({ definition, tookMs }, value) => definition.restarts === true && tookMs >= value * 1000,
  },
  { key: 'budgetScale', fails: ['budget'], appliesTo: ({ definition }) => definition.kind !== 'stage' },
  { key: 'heartbeatTimeout', fails: ['stalled'] },
]

/**
 * A sentence when a limit that whoever runs the suite has set lower than it is by default may be why a step failed.
 * @param step the step that failed; left out where the run itself was ended
 * @param defaults what the suite puts in place of the harness's own
 */
export function loweredLimit(verdictClass: VerdictClass, step: FailedStep | undefined, options: Options, defaults: Partial<OptionValues>): string | undefined {
  const lowered = limits.flatMap(({ key, fails, appliesTo }) => {
    const [value, usual] = [options[key], defaults[key] ?? optionDefinitions[key].fallback]
    if (value >= usual || !fails.includes(verdictClass) || (appliesTo && !(step && appliesTo(step, value)))) return []
    const origin = options.origins[key]
    const spelled = origin === undefined || origin.startsWith(variableOf(key)) ? `${variableOf(key)}=${value}` : origin
    return [`${spelled} is less than its default of ${usual}: run again without it`]
  })
  return lowered.length === 0 ? undefined : lowered.join('; ')
}

/** What was set comes first: it is the easiest to undo. A remedy that has it already stays as it is. */
export function withLoweredLimit(verdict: Verdict, lowered: string | undefined): Verdict {
  if (lowered === undefined || verdict.remedy?.startsWith(lowered) === true) return verdict
  return { ...verdict, remedy: verdict.remedy === undefined ? lowered : `${lowered}; else: ${verdict.remedy}` }
}
