import { inject, test as base, type TestAPI } from 'vitest'
import { createAgent } from '../agents/find-agent.ts'
import { LaneRun, type StepResult } from '../lanes/lane-run.ts'
import { describeCall } from '../lanes/match.ts'
import { LaneRunner } from '../lanes/runner.ts'
import type { AnyLane, AnySuite, Lane, StageDefinition, StepContext, States, StepTable, Suite } from '../suite.ts'
import { fail, VerdictError, type VerdictClass } from '../verdict.ts'

/** What the author's own checks of a lane can use. */
export interface LaneFixtures<Facts> {
  /** The facts of the state the lane left. */
  readonly facts: Facts
  /** The sandbox: paths, ports, environment, and `run` and `start`. */
  readonly sandbox: StepContext
}

/** Every step and lane has a deadline of its own, which says what went wrong; vitest's would only say when. */
const noTimeout = 0

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
  const runner = runnerFor(suite)
  let run: LaneRun | { readonly refused: string } = { refused: 'the lane did not start' }
  const failedChecks = new Set<string>()

  base.beforeAll(async () => {
    run = await runner.begin(lane.name)
  }, noTimeout)
  base.afterAll(async () => {
    await runner.conclude(lane.name, [...failedChecks])
    const outcome = run instanceof LaneRun ? await run.ended : undefined
    // No test of a step shows this failure; without this the file would be green.
    if (outcome?.verdict && outcome.insideStep !== true) throw new VerdictError(outcome.verdict)
  }, noTimeout)

  const resultOf: ResultOf = async (name, skip) => {
    if (!(run instanceof LaneRun)) return skip(run.refused)
    const result = await run.step(name)
    return result.status === 'skipped' ? skip(result.reason ?? 'passed over') : result
  }

  for (const [name, definition] of Object.entries(anyLane.steps)) {
    base(name, { timeout: noTimeout }, async ({ skip }) => {
      const { verdict, stage } = await resultOf(name, skip)
      // A failed call has a test of its own, below; the stage's test is about the session as a whole.
      if (verdict && !(stage && aboutOneCall.has(verdict.class))) throw new VerdictError(verdict)
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
  own.beforeEach(async ({ onTestFailed, task }) => {
    // With `--retry` the last attempt counts.
    if ((task.result?.retryCount ?? 0) > 0) failedChecks.delete(task.name)
    onTestFailed(() => { failedChecks.add(task.name) })
    // Waited for here, where it does not count against the check's own time-out.
    if (run instanceof LaneRun) await run.ended
  }, noTimeout)
  for (const invariant of suite.invariants) {
    own(invariant.name, async ({ facts, sandbox, expect }) => {
      expect(facts).toBeDefined()
      await invariant.check(sandbox)
    })
  }
  return own
}

type ResultOf = (step: string, skip: (reason: string) => never) => Promise<StepResult>

/** Classes of a stage's failure that one of its calls shows. */
const aboutOneCall: ReadonlySet<VerdictClass> = new Set(['tool-missing', 'tool-failed', 'not-attempted', 'not-effective', 'evidence-conflict', 'manual'])

/** What a call that is not the first cause fails as. */
const classOf = { attempted: 'not-attempted', executed: 'tool-failed', effective: 'not-effective' } as const

/** Three questions, three tests: a reader sees at once which of them was answered with no. */
function registerCallTests(stage: string, definition: StageDefinition<never>, resultOf: ResultOf): void {
  definition.calls.forEach((call, index) => {
    const title = describeCall(call)
    const questions = [
      ['attempted', `${title}: the agent attempts it`],
      ['executed', `${title}: the stack receives and answers it`],
      ['effective', `${title}: ${call.effect}`],
    ] as const
    for (const [question, name] of questions) {
      base(name, { timeout: noTimeout }, async ({ skip }) => {
        const { stage: record, verdict } = await resultOf(stage, skip)
        const finding = record?.calls[index]?.[question]
        if (!record || !finding) return skip(`stage "${stage}" ended before its calls were judged`)
        if (finding.answer === 'unknown') skip(finding.detail)
        if (finding.answer === 'yes') return
        // The session as a whole failed: its own test is red for that, and its calls could not be made.
        if (verdict && !aboutOneCall.has(verdict.class)) skip(`${finding.detail}: the session ended as ${verdict.class}`)
        const first = record.calls.flatMap((one) => [one.attempted, one.executed, one.effective]).find(({ answer }) => answer === 'no')
        if (verdict && finding === first) throw new VerdictError(verdict)
        throw fail(classOf[question], `${finding.detail}${verdict ? `; first cause: ${verdict.class}` : ''}`)
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
