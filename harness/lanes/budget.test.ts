import { expect, test } from 'vitest'
import { restartStep, stage, step } from '../suite.ts'
import { attemptGraceMs, budgetMsOf, diagnosisMs } from './budget.ts'

const options = { stageTimeout: 60, budgetScale: 2, restartTimeout: 30, restartRetries: 1 }
const asked = { prompt: () => '', calls: [] }

test.each([
  { what: 'a step has its own, scaled', definition: step(10), ms: 20_000 },
  { what: 'a restart has all its attempts as well', definition: restartStep(5), ms: 10_000 + 2 * (30_000 + attemptGraceMs + diagnosisMs) },
  { what: 'a stage has the time of agent sessions', definition: stage<never>(asked), ms: 60_000 },
  { what: 'a stage that restarts the stack has one attempt more', definition: stage<never>({ ...asked, restarts: true }), ms: 90_000 },
])('$what: $ms ms', ({ definition, ms }) => {
  expect(budgetMsOf(definition, options)).toBe(ms)
})
