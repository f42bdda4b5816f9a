import { inject, test as base, type TestAPI } from 'vitest'
import { createAgent } from '../agents/find-agent.ts'
import { LaneRun, type StepResult } from '../lanes/lane-run.ts'
import { describeCall } from '../lanes/match.ts'
import { LaneRunner } from '../lanes/runner.ts'
import type { AnyLane, AnySuite, Lane, StageDefinition, StepContext, States, StepTable, Suite } from '../suite.ts'
import { VerdictError } from '../verdict.ts'

/** What the author's own checks of a lane can use. */
export interface LaneFixtures<Facts> {
  /** The facts of the state the lane left. */
  readonly facts: Facts
  /** The sandbox: paths, ports, environment, and `run` and `start`. */
  readonly sandbox: StepContext
}

/** More than any step's own bound, so that the step says what went wrong, and not vitest. Milliseconds. */
const slackMs = 30_000
const setUpMs = 600_000

/** One runner for all lane files: they share one worker, and the sandbox's state with it. */
const runners = new Map<string, LaneRunner>()

/**
 * Makes the calling file the spec of a lane: registers a test for each of its steps, three for each call of a stage,
 * and one for each invariant. Returns `test` for the author's own checks, which run only when all of that passed.
 */
export function laneSpec<S extends States<S>, Needs extends keyof S & string, Leaves extends keyof S & string, Steps extends StepTable<S[Needs]>>(
  suite: Suite<S>,
  lane: Lane<S, Needs, Leaves, Steps>,
): TestAPI<LaneFixtures<S[Leaves]>> {
  const anyLane: AnyLane = lane
  const info = inject('smokeRun')
  const runner = runnerFor(suite)
  const scale = info.options.budgetScale
  let run: LaneRun | { readonly refused: string } = { refused: 'the lane did not start' }
  const failedChecks: string[] = []

  base.beforeAll(async () => {
    run = await runner.begin(lane.name)
  }, setUpMs)
  base.afterAll(async () => {
    await runner.conclude(lane.name, failedChecks)
    const outcome = run instanceof LaneRun ? await run.ended : undefined
    // No test of a step shows this failure; without this the file would be green.
    if (outcome?.verdict && outcome.insideStep !== true) throw new VerdictError(outcome.verdict)
  }, setUpMs)

  const resultOf = async (name: string, signal: AbortSignal, skip: (reason: string) => never): Promise<StepResult> => {
    if (!(run instanceof LaneRun)) return skip(run.refused)
    const onAbort = (): void => { runner.stop('the test was stopped from outside') }
    signal.addEventListener('abort', onAbort, { once: true })
    try {
      const result = await run.step(name)
      if (result.status === 'skipped') return skip(result.reason ?? 'passed over')
      return result
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  for (const [name, definition] of Object.entries(anyLane.steps)) {
    const budgetMs = definition.kind === 'stage' ? info.options.stageSeconds * 1000 : definition.budgetMs * scale
    base(name, { timeout: budgetMs + slackMs }, async ({ signal, skip }) => {
      const result = await resultOf(name, signal, skip)
      // A failed call has a test of its own, below; the stage's test is about the session as a whole.
      const ownTest = result.stage?.calls.some(hasNo) === true
      if (result.verdict && !ownTest) throw new VerdictError(result.verdict)
    })
    if (definition.kind === 'stage') registerCallTests(name, definition, resultOf)
  }

  const own = base.extend<LaneFixtures<S[Leaves]>>({
    facts: async ({ skip }, use) => {
      const outcome = run instanceof LaneRun ? await run.ended : undefined
      if (!outcome?.facts) skip(run instanceof LaneRun ? `the lane failed: ${outcome?.verdict?.diagnosis ?? ''}` : run.refused)
      await use(outcome?.facts as S[Leaves])
    },
    sandbox: async ({ signal, task }, use) => {
      await use(runner.contextFor(lane.name, task.name, signal))
    },
  })
  own.beforeEach(({ onTestFailed, task }) => {
    onTestFailed(() => { failedChecks.push(task.name) })
  })
  for (const invariant of suite.invariants) {
    own(invariant.name, async ({ facts, sandbox, expect }) => {
      expect(facts).toBeDefined()
      await invariant.check(sandbox)
    })
  }
  return own
}

const hasNo = (call: { attempted: { answer: string }; executed: { answer: string }; effective: { answer: string } }): boolean =>
  [call.attempted, call.executed, call.effective].some(({ answer }) => answer === 'no')

/** Three questions, three tests: a reader sees at once which of them was answered with no. */
function registerCallTests(
  stage: string,
  definition: StageDefinition<never>,
  resultOf: (name: string, signal: AbortSignal, skip: (reason: string) => never) => Promise<StepResult>,
): void {
  definition.calls.forEach((call, index) => {
    const title = describeCall(call)
    const questions = [
      ['attempted', `${title}: the agent attempts it`],
      ['executed', `${title}: the stack receives and answers it`],
      ['effective', `${title}: ${call.effect}`],
    ] as const
    for (const [question, name] of questions) {
      base(name, async ({ signal, skip }) => {
        const result = await resultOf(stage, signal, skip)
        const finding = result.stage?.calls[index]?.[question]
        if (!finding) return skip(`stage "${stage}" ended before its calls were judged`)
        if (finding.answer === 'unknown') skip(finding.detail)
        if (finding.answer === 'no') throw result.verdict ? new VerdictError(result.verdict) : new Error(finding.detail)
      })
    }
  })
}

function runnerFor(suite: AnySuite): LaneRunner {
  const info = inject('smokeRun')
  let runner = runners.get(info.run)
  if (!runner) {
    runner = new LaneRunner(info, suite, (env) => createAgent(info.agentFile, env))
    runners.set(info.run, runner)
  }
  return runner
}
