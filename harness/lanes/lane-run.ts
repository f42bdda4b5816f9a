import { setTimeout as delay } from 'node:timers/promises'
import type { Diagnosis } from '../stack/diagnose.ts'
import type { StageRecord } from '../record.ts'
import type { Redactor } from '../redaction/redactor.ts'
import type { AnyLane, AnyStep, ExpectedFinding, Finding, StageDefinition, StepContext } from '../suite.ts'
import { fail, verdictOf, VerdictError, withConsequences, type Verdict } from '../verdict.ts'
import type { ProcessHost } from '../processes/process.ts'
import type { Usage } from '../processes/usage.ts'
import { aborted } from './aborted.ts'
import { keepEvidence } from './keep-evidence.ts'
import type { FailedStep } from './lowered-limit.ts'
import { Paused } from './pause.ts'
import type { Recorder } from './recorder.ts'
import { createStepContext, type ContextBase, type RestartWith } from './step-context.ts'

export interface StepResult {
  readonly status: 'passed' | 'failed' | 'skipped'
  readonly verdict?: Verdict
  readonly reason?: string
  readonly stage?: StageRecord
}

export interface LaneOutcome {
  readonly status: 'passed' | 'failed' | 'paused'
  /** Why it was paused. */
  readonly reason?: string
  readonly verdict?: Verdict
  /** False when the lane failed between its steps, where no step can show it. */
  readonly insideStep?: boolean
  readonly facts?: object
  /** It failed by its checks alone: its facts hold. */
  readonly holds?: boolean
}

/** What a lane gets from the harness, apart from its own definition. */
export interface LaneSurroundings {
  readonly base: ContextBase
  readonly clone: (name: string, run: StepContext['run']) => ReturnType<StepContext['clone']>
  readonly restartWith: RestartWith
  readonly host: ProcessHost
  readonly recorder: Recorder
  readonly redactor: Redactor
  /** Aborts when the run is stopped from outside. */
  readonly stopped: AbortSignal
  /** Looks at once whether the run is to stop: what fails because of that must not be blamed on the stack. */
  readonly noticeStop: () => void
  /** Aborts when the run must end for a cause of its own, a VerdictError: nothing was heard, or a limit was passed. */
  readonly alarm: AbortSignal
  /** What a step may take, in milliseconds. */
  readonly budgetMs: (definition: AnyStep) => number
  /** Looks at the stack and writes down what is seen; undefined where the suite describes no stack. Never rejects. */
  readonly diagnose: (why: string, name: string) => Promise<Diagnosis | undefined>
  /** Names the cause behind a verdict, where what the run left shows it. Never throws. */
  readonly explain: (verdict: Verdict, at: FailedStep & { readonly lane: string; readonly step: string; readonly stage: StageRecord | undefined }) => Verdict
  /** Findings that steps of this lane are known to give. */
  readonly expected: readonly ExpectedFinding[]
  /** What the sandbox's processes used since the last call. */
  readonly takeUsage: () => Usage
  /** Looks at them once more. Never rejects. */
  readonly sampleUsage: () => Promise<void>
  readonly afterEachStep: (context: StepContext, step: string) => Promise<void>
  readonly runStage: (
    name: string, definition: StageDefinition<never>, context: StepContext, record: (stage: StageRecord) => void,
  ) => Promise<void>
}

const overBudget = 'the budget is used up'

/** Failures of which the state of the stack may tell the cause. */
const worthALook: ReadonlySet<Verdict['class']> = new Set(['readiness', 'agent-hang', 'stalled', 'resources'])

/** A step that was told to stop may take this long to let go before it is left behind. Milliseconds. */
const letGoMs = 10_000

/** Runs one lane once; its steps can be awaited one by one, by name. */
export class LaneRun {
  readonly lane: AnyLane
  /** Settles when the lane's work has ended. Never rejects. */
  readonly ended: Promise<LaneOutcome>
  readonly #around: LaneSurroundings
  readonly #results = new Map<string, PromiseWithResolvers<StepResult>>()
  readonly #begun = new Set<string>()
  readonly #settled = new Map<string, StepResult>()
  readonly #looked = new Set<string>()

  constructor(lane: AnyLane, facts: object, surroundings: LaneSurroundings) {
    this.lane = lane
    this.#around = surroundings
    for (const name of Object.keys(lane.steps)) this.#results.set(name, withResolvers())
    this.ended = this.#work(facts)
  }

  /** The result of a step once it has ended, or was passed over. Never rejects. */
  step(name: string): Promise<StepResult> {
    const result = this.#results.get(name)
    if (!result) throw new Error(`lane ${this.lane.name} has no step ${name}; it has ${[...this.#results.keys()].join(', ')}`)
    return result.promise
  }

  /** A lane that waits outside its steps has no budget to end it; all its budgets together are enough for any. */
  async #bounded<T>(work: Promise<T>): Promise<T> {
    const total = Object.values(this.lane.steps).reduce((sum, definition) => sum + this.#around.budgetMs(definition) + 2 * letGoMs, letGoMs)
    const done = new AbortController()
    const late = (async (): Promise<never> => {
      const { alarm, stopped } = this.#around
      await Promise.race([delay(total, undefined, { signal: done.signal }), aborted(stopped, done.signal), aborted(alarm, done.signal)])
      // A step that is told to stop says so itself, and first.
      if ((stopped.aborted || alarm.aborted) && this.#begun.size > this.#settled.size) await delay(2 * letGoMs, undefined, { signal: done.signal })
      if (alarm.aborted) throw alarm.reason
      throw this.#around.stopped.aborted
        ? fail('interrupted', `lane ${this.lane.name} was stopped outside its steps: ${String(this.#around.stopped.reason)}`)
        : fail('budget', `lane ${this.lane.name} waited outside its steps until all its budgets, ${total / 1000} s, were over`)
    })()
    try {
      return await Promise.race([work, late])
    } finally {
      done.abort()
      late.catch(() => undefined)
    }
  }

  async #work(facts: object): Promise<LaneOutcome> {
    try {
      const context = {
        facts,
        step: <T>(name: string, work: (context: StepContext) => Promise<T>) => this.#step(name, work),
        check: <T>(name: string, work: (context: StepContext) => Promise<T>) => this.#check(name, work),
        stage: (name: string) => this.#stage(name),
        skip: (name: string, reason: string) => {
          this.#definition(name)
          this.#skip(name, reason)
        },
        testScope: this.#around.base.testScope,
        options: this.#around.base.options,
      }
      const left = await this.#bounded(this.lane.work(context as never))
      const failed = [...this.#settled].filter(([, result]) => result.status === 'failed')
      const swallowed = failed.find(([name]) => this.lane.steps[name]?.kind !== 'check')
      if (swallowed) throw fail('harness-bug', `lane ${this.lane.name} went on after its step "${swallowed[0]}" had failed`)
      const forgotten = Object.keys(this.lane.steps).find((name) => !this.#settled.has(name))
      if (forgotten !== undefined) {
        throw fail('harness-bug', `lane ${this.lane.name} ended without running its step "${forgotten}"`)
      }
      const red = failed[0]?.[1].verdict
      return red ? { status: 'failed', verdict: red, insideStep: true, facts: left, holds: true } : { status: 'passed', facts: left }
    } catch (error) {
      if (error instanceof Paused) {
        for (const name of this.#results.keys()) if (!this.#settled.has(name)) this.#skip(name, 'the run paused before it')
        return { status: 'paused', reason: error.short }
      }
      const failed = [...this.#settled].find(([name, result]) => result.status === 'failed' && this.lane.steps[name]?.kind !== 'check')
      const verdict = failed?.[1].verdict ?? verdictOf(error)
      const reason = failed === undefined ? 'the lane failed outside its steps' : `step "${failed[0]}" failed`
      const notRun = [...this.#results.keys()].filter((name) => !this.#settled.has(name))
      for (const name of notRun) this.#skip(name, reason)
      const left = notRun.map((name) => `"${name}"`).join(', ')
      return {
        status: 'failed', insideStep: failed !== undefined,
        verdict: withConsequences(this.#around.redactor.value(verdict), notRun.length === 0 ? [] : [`${notRun.length === 1 ? 'step' : 'steps'} ${left} of lane ${this.lane.name} did not run`]),
      }
    }
  }

  #definition(name: string): AnyStep {
    const definition = this.lane.steps[name]
    if (!definition || this.#begun.has(name)) {
      throw fail('harness-bug', `lane ${this.lane.name} ${definition ? 'runs twice' : 'does not declare'} the step "${name}"`)
    }
    this.#begun.add(name)
    return definition
  }

  async #step<T>(name: string, work: (context: StepContext) => Promise<T>): Promise<T> {
    return this.#timed(name, this.#definition(name), work)
  }

  /** A check that fails stands in the record; only what ends the run ends the lane. */
  async #check<T>(name: string, work: (context: StepContext) => Promise<T>): Promise<T | undefined> {
    const definition = this.#definition(name)
    try {
      return await this.#timed(name, definition, work)
    } catch (error) {
      if (definition.kind !== 'check' || this.#around.stopped.aborted || this.#around.alarm.aborted) throw error
      return undefined
    }
  }

  async #stage(name: string): Promise<void> {
    const definition = this.#definition(name)
    if (definition.kind !== 'stage') throw fail('harness-bug', `step "${name}" of lane ${this.lane.name} is not a stage`)
    let record: StageRecord | undefined
    await this.#timed(
      name, definition,
      (context) => this.#around.runStage(name, definition, context, (stage) => { record = stage }),
      () => record,
    )
  }

  /** Runs the work with its budget, then the suite's invariants; records how it went. */
  async #timed<T>(
    name: string,
    definition: AnyStep,
    work: (context: StepContext) => Promise<T>,
    stageRecord: () => StageRecord | undefined = () => undefined,
  ): Promise<T> {
    const { recorder, stopped, alarm } = this.#around
    const budgetMs = this.#around.budgetMs(definition)
    // The agent keeps to the stage's own deadline; the judging after it needs a moment more.
    const boundMs = definition.kind === 'stage' ? budgetMs + letGoMs : budgetMs
    const startedAt = performance.now()
    const logs = new Set<string>()
    const over = new AbortController()
    const time = { isUp: false }
    const half = setTimeout(() => {
      recorder.add({ type: 'step-slow', lane: this.lane.name, step: name, elapsedMs: performance.now() - startedAt, budgetMs })
    }, budgetMs / 2)
    const timer = setTimeout(() => {
      time.isUp = true
      // While everything still stands: what is looked at afterwards has been ended.
      void this.#diagnose(name, `step "${name}" is over its budget of ${boundMs / 1000} s`, logs).then(() => { over.abort(overBudget) })
    }, boundMs)
    const failed = new AbortController()
    const found: Finding[] = []
    const { context, settled } = this.#context(name, definition, AbortSignal.any([over.signal, failed.signal, stopped, alarm]), () => boundMs - (performance.now() - startedAt), logs, found)
    recorder.add({ type: 'step-started', lane: this.lane.name, step: name, kind: definition.kind, budgetMs })
    this.#around.takeUsage()
    const finish = async (result: StepResult): Promise<void> => {
      const stage = stageRecord()
      await this.#around.sampleUsage()
      const usage = this.#around.takeUsage()
      recorder.add({
        type: 'step-ended', lane: this.lane.name, step: name, status: result.status, logs: [...logs],
        durationMs: performance.now() - startedAt, budgetMs,
        ...(result.reason !== undefined && { reason: result.reason }),
        ...(result.verdict && { verdict: result.verdict }),
        ...(stage && { stage }),
        ...(usage.samples > 0 && { usage }),
      })
      this.#settle(name, { ...result, ...(stage && { stage }) })
    }
    try {
      const value = await bounded(work(context), context.signal)
      clearTimeout(timer)
      // Work that does not listen may come back late, and must not pass for that.
      if (time.isUp) over.abort(overBudget)
      context.signal.throwIfAborted()
      expectTheseFindings(found, this.#around.expected.filter(({ step }) => step === name), (id) => { recorder.add({ type: 'stale-finding', lane: this.lane.name, step: name, id }) })
      await this.#around.afterEachStep({ ...context, signal: stopped }, name)
      await finish({ status: 'passed' })
      return value
    } catch (error) {
      const tookMs = performance.now() - startedAt
      // One of several commands failed: the others must not go on behind the back of what follows.
      failed.abort('another command of the step failed')
      await settled()
      if (error instanceof Paused) {
        await finish({ status: 'skipped', reason: error.message })
        throw error
      }
      let verdict = this.#explain(error, name, definition, { boundMs, over: time.isUp, logs })
      if (worthALook.has(verdict.class) && !this.#looked.has(name)) {
        const found = await this.#diagnose(name, `${verdict.class}: ${verdict.diagnosis}`, logs)
        if (found) verdict = { ...verdict, evidence: [...new Set([...verdict.evidence, found.file])], ...(verdict.class === 'readiness' && foundCause(verdict, found)) }
      }
      verdict = this.#around.explain(verdict, { lane: this.lane.name, step: name, stage: stageRecord(), definition, tookMs })
      verdict = { ...verdict, evidence: keepEvidence(context.paths, verdict.evidence, (text) => this.#around.redactor.refresh().text(text)) }
      await finish({ status: 'failed', verdict })
      throw new VerdictError(verdict, { cause: error })
    } finally {
      clearTimeout(timer)
      clearTimeout(half)
    }
  }

  /** One look per step: the first one, while everything still stands, is the telling one. */
  async #diagnose(step: string, why: string, logs: Set<string>): Promise<Diagnosis | undefined> {
    if (this.#looked.has(step)) return undefined
    this.#looked.add(step)
    const found = await this.#around.diagnose(why, `${this.lane.name}-${step}`)
    if (found) logs.add(found.file)
    return found
  }

  #explain(
    error: unknown, name: string, definition: AnyStep,
    facts: { boundMs: number; over: boolean; logs: ReadonlySet<string> },
  ): Verdict {
    this.#around.noticeStop()
    if (this.#around.stopped.aborted) {
      return fail('interrupted', `step "${name}" was stopped: ${String(this.#around.stopped.reason)}`).verdict
    }
    if (this.#around.alarm.aborted) {
      const { verdict } = this.#around.alarm.reason as VerdictError
      return { ...verdict, diagnosis: `step "${name}": ${verdict.diagnosis}`, evidence: [...new Set([...verdict.evidence, ...facts.logs])] }
    }
    const own = verdictOf(error, definition.kind !== 'stage' ? definition.failsAs : 'harness-bug')
    if (!facts.over) return own
    const last = error === overBudget ? '' : `; it was at: ${own.diagnosis}`
    return fail('budget', `step "${name}" took longer than its budget of ${facts.boundMs / 1000} s${last}`, {
      evidence: [...own.evidence, ...facts.logs].filter((path, index, all) => all.indexOf(path) === index),
      remedy: 'find out what it waits for; SMOKE_BUDGET_SCALE=2 only helps where the machine is slow',
    }).verdict
  }

  #context(step: string, definition: AnyStep, signal: AbortSignal, leftMs: () => number, logs: Set<string>, found: Finding[]): ReturnType<typeof createStepContext> {
    const { base, host, clone, restartWith, recorder, expected } = this.#around
    return createStepContext({
      base, host, clone, restartWith, signal, leftMs, lane: this.lane.name, step,
      failsAs: definition.kind !== 'stage' ? definition.failsAs : 'check-failed', onLog: (log) => logs.add(log),
      finding: (finding) => {
        found.push(finding)
        recorder.add({ type: 'finding', lane: this.lane.name, step, ...finding, expected: expected.some((entry) => entry.step === step && entry.id === finding.id) })
      },
    })
  }

  #skip(name: string, reason: string): void {
    this.#around.recorder.add({ type: 'step-ended', lane: this.lane.name, step: name, status: 'skipped', durationMs: 0, budgetMs: 0, reason, logs: [] })
    this.#settle(name, { status: 'skipped', reason })
  }

  /** From here on the result is told, to vitest too: without secrets. */
  #settle(name: string, result: StepResult): void {
    const shown = this.#around.redactor.value(result)
    this.#settled.set(name, shown)
    this.#results.get(name)?.resolve(shown)
  }
}

/** What a look at the stack adds to the verdict that it never became ready. */
function foundCause({ diagnosis, remedy }: Verdict, { finding, remedy: better }: Diagnosis): Pick<Verdict, 'diagnosis' | 'remedy'> {
  return { diagnosis: finding === undefined || diagnosis.includes(finding) ? diagnosis : `${finding}; ${diagnosis}`, remedy: remedy ?? better }
}

/**
 * Compares what was found with what is expected.
 * @param tell hears of each that is expected and came no more
 * @throws VerdictError when a finding came that nobody expects, or one that is expected came no more
 */
function expectTheseFindings(found: readonly Finding[], expected: readonly ExpectedFinding[], tell: (stale: string) => void): void {
  const fresh = found.filter(({ id }) => !expected.some((entry) => entry.id === id))
  const stale = expected.filter(({ id, sometimes }) => sometimes !== true && !found.some((finding) => finding.id === id))
  for (const { id } of stale) tell(id)
  const [first] = fresh
  if (first) throw fail('check-failed', `${first.id}: promised: ${first.promised}; happened: ${first.happened}${fresh.length > 1 ? `; and ${fresh.slice(1).map(({ id }) => id).join(', ')}` : ''}`)
  if (stale.length > 0) {
    throw fail('check-failed', `expected and not found: ${stale.map(({ id }) => id).join(', ')}`, { remedy: 'look whether it is mended; then take it out of the expected findings' })
  }
}

/** The work's result; when it is told to stop and does not let go in time, it is left behind. */
async function bounded<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const letGo = new AbortController()
  const leftBehind = new Promise<never>((_, reject) => {
    const onAbort = (): void => {
      delay(letGoMs, undefined, { signal: letGo.signal }).then(
        () => { reject(fail('budget', 'it did not stop when it was told to')) },
        () => undefined,
      )
    }
    if (signal.aborted) onAbort()
    else signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, leftBehind])
  } finally {
    letGo.abort()
  }
}

interface PromiseWithResolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T) => void
}

/** `Promise.withResolvers` of Node 22, for Node 20. */
function withResolvers<T>(): PromiseWithResolvers<T> {
  let resolve: (value: T) => void = () => undefined
  const promise = new Promise<T>((settle) => { resolve = settle })
  return { promise, resolve }
}
