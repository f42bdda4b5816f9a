import type { Options } from '../options/resolve.ts'
import type { AnyStep } from '../suite.ts'

/** What an attempt may take beyond SMOKE_RESTART_TIMEOUT: the stack's own script says why it failed, and the stack is looked at. Milliseconds. */
export const attemptGraceMs = 5000
export const diagnosisMs = 8000

type BudgetOptions = Pick<Options, 'stageTimeout' | 'budgetScale' | 'restartTimeout' | 'restartRetries'>

/** What a step may take, in milliseconds: its own budget, a stage's time-out, and for a restart all attempts together. */
export function budgetMsOf(definition: AnyStep, options: BudgetOptions): number {
  if (definition.kind === 'stage') return (options.stageTimeout + (definition.restarts === true ? options.restartTimeout : 0)) * 1000
  const attemptMs = options.restartTimeout * 1000 + attemptGraceMs + diagnosisMs
  return definition.budgetMs * options.budgetScale + (definition.restarts ? (options.restartRetries + 1) * attemptMs : 0)
}
