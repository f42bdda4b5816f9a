import { join } from 'node:path'
import type { SerializedError, UserConsoleLog } from 'vitest'
import { DefaultReporter, type TestCase, type TestModule, type TestRunEndReason, type TestSpecification } from 'vitest/node'
import type { ProgressEvent } from '../harness/record.ts'
import { laneOfFile } from '../harness/vitest/lane-file.ts'
import { belowTheirCheck } from './below-their-check.ts'
import { inTurn } from './in-turn.ts'
import { LastOutput } from './last-output.ts'
import { ProgressTail } from './progress-file.ts'
import { readRunFile } from './run-file.ts'
import { isHeartbeatDue, paintFor, progressLines, runningLine, stillRunningLine, type Paint } from './terminal.ts'

/** How often the progress file is looked at. Milliseconds. */
const pollMs = 100
/** How often the logs are looked at for what was said last. Milliseconds. */
const listenMs = 500

type HookContext = Parameters<DefaultReporter['onHookStart']>[0]
type Step = Extract<ProgressEvent, { type: 'step-started' }>

/** Shows lanes step by step as they run; everything that is not a lane is shown as vitest shows it. */
export default class SmokeReporter extends DefaultReporter {
  readonly #paint: Paint
  readonly #live: boolean
  #tail: ProgressTail | undefined
  readonly #inTurn = inTurn()
  readonly #belowTheirCheck = belowTheirCheck()
  #timer: NodeJS.Timeout | undefined
  #running: { step: Step; since: number; saidAt: number; heardAt: number; heard: string | undefined } | undefined
  #lastOutput: LastOutput | undefined
  #shown = false
  #broken = false

  constructor() {
    super({ summary: false })
    this.#paint = paintFor(process.env, process.stdout.isTTY)
    this.#live = process.stdout.isTTY && (process.env.CI ?? '') === ''
  }

  override onTestRunStart(specifications: readonly TestSpecification[]): void {
    const others = specifications.filter(({ moduleId }) => laneOfFile(moduleId) === undefined)
    if (others.length > 0) super.onTestRunStart(others)
  }

  override onTestModuleQueued(module: TestModule): void {
    if (!isLane(module)) super.onTestModuleQueued(module)
    else if (!this.#tail && !this.#broken) this.#follow()
  }

  override onTestModuleCollected(module: TestModule): void {
    if (!isLane(module)) super.onTestModuleCollected(module)
  }

  override onTestModuleEnd(module: TestModule): void {
    if (!isLane(module)) super.onTestModuleEnd(module)
    else this.#drain()
  }

  override onTestCaseReady(test: TestCase): void {
    if (!isLane(test.module)) super.onTestCaseReady(test)
  }

  override onTestCaseResult(test: TestCase): void {
    if (!isLane(test.module)) super.onTestCaseResult(test)
    else this.#showCheck(test)
  }

  /** Steps tell of themselves; a check that the lane's author wrote beside them does not. */
  #showCheck(test: TestCase): void {
    const result = test.result()
    if (result.state !== 'failed' || result.errors.some(({ name }) => name === 'VerdictError')) return
    this.#drain()
    this.#clear()
    process.stdout.write(`  ${this.#paint.bad('✗')} ${test.name}\n`)
    this.#showRunning()
  }

  override onHookStart(hook: HookContext): void {
    if (!isLane('module' in hook.entity ? hook.entity.module : hook.entity)) super.onHookStart(hook)
  }

  override onHookEnd(hook: HookContext): void {
    if (!isLane('module' in hook.entity ? hook.entity.module : hook.entity)) super.onHookEnd(hook)
  }

  override onUserConsoleLog(log: UserConsoleLog, task?: Parameters<DefaultReporter['onUserConsoleLog']>[1]): void {
    this.#drain()
    this.#clear()
    super.onUserConsoleLog(log, task)
  }

  override onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[], reason: TestRunEndReason): void {
    clearInterval(this.#timer)
    this.#drain()
    this.#clear()
    this.#running = undefined
    const others = modules.filter((module) => !isLane(module))
    // The lanes' own end comes after the teardown, which may still find something.
    if (others.length > 0 || modules.length === 0) super.onTestRunEnd(others, errors, reason)
  }

  /** Looks at the run's progress from now on. Without it the lanes run unseen, and the closing lines tell all. */
  #follow(): void {
    const runFile = process.env.SMOKE_RUN_FILE
    if (runFile === undefined) return
    try {
      const { workspace } = readRunFile(runFile)
      this.#tail = new ProgressTail(join(workspace, 'progress.ndjson'))
      this.#lastOutput = new LastOutput(workspace)
    } catch (error) {
      this.#broken = true
      process.stderr.write(`clone-smoke: progress cannot be shown: ${error instanceof Error ? error.message : String(error)}\n`)
      return
    }
    this.#drain()
    this.#timer = setInterval(() => { this.#drain() }, pollMs)
    this.#timer.unref()
  }

  /** Shows what is new. An error here must not reach vitest, which would take it for one of the run. */
  #drain(): void {
    try {
      for (const event of (this.#tail?.next() ?? []).flatMap(this.#inTurn).flatMap(this.#belowTheirCheck)) this.#show(event)
      this.#showRunning()
    } catch (error) {
      this.#broken = true
      this.#tail = undefined
      this.#running = undefined
      clearInterval(this.#timer)
      process.stderr.write(`\nclone-smoke: progress cannot be shown any more, the run goes on: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }

  #show(event: ProgressEvent): void {
    this.#clear()
    for (const line of progressLines(event, this.#paint, process.stdout.columns || 80)) process.stdout.write(`${line}\n`)
    if (event.type === 'step-started') this.#running = { step: event, since: Date.parse(event.at), saidAt: Date.now(), heardAt: 0, heard: undefined }
    if (event.type === 'step-slow' && this.#running) this.#running.saidAt = Date.now()
    if (event.type === 'step-ended' || event.type === 'lane-ended') this.#running = undefined
  }

  #showRunning(): void {
    const running = this.#running
    if (!running) return
    const { step, since } = running
    if (this.#live) {
      if (Date.now() - running.heardAt >= listenMs) {
        running.heardAt = Date.now()
        running.heard = this.#lastOutput?.line(since)
      }
      // A line that wraps cannot be rewritten in place.
      process.stdout.write(`\r\u001B[K${runningLine(step, Date.now() - since, running.heard, (process.stdout.columns || 80) - 1, this.#paint)}`)
      this.#shown = true
    } else if (isHeartbeatDue({ elapsedMs: Date.now() - since, silentMs: Date.now() - running.saidAt, budgetMs: step.budgetMs })) {
      running.saidAt = Date.now()
      process.stdout.write(`${stillRunningLine(step, Date.now() - since, this.#paint)}\n`)
    }
  }

  #clear(): void {
    if (this.#shown) process.stdout.write('\r\u001B[K')
    this.#shown = false
  }
}

const isLane = (module: TestModule): boolean => laneOfFile(module.moduleId) !== undefined
