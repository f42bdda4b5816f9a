import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Agent } from '../agents/agent.ts'
import { createProcessHost } from '../processes/host.ts'
import type { ProcessHost } from '../processes/process.ts'
import { cloneSource, parseSource } from '../sandbox/clone.ts'
import { sandboxEnvironment } from '../sandbox/environment.ts'
import { appendToLedger } from '../sandbox/ledger.ts'
import { workspacePaths, type WorkspacePaths } from '../sandbox/workspace.ts'
import type { AnyLane, AnySuite, StepContext } from '../suite.ts'
import { fail, VerdictError, type Verdict } from '../verdict.ts'
import { LaneRun, type LaneSurroundings } from './lane-run.ts'
import { Recorder } from './recorder.ts'
import { createStepContext } from './step-context.ts'
import { routeBetween } from './route.ts'
import type { RunInfo } from './run-info.ts'
import { runStage } from './run-stage.ts'

interface SandboxState {
  readonly name: string
  readonly facts: object
}

/** How often the worker looks whether it is to stop: a signal may reach the main process alone. Milliseconds. */
const stopPollMs = 100

/** How long a suite's own way to stop its stack may take. Milliseconds. */
const stopTimeoutMs = 10_000

/**
 * Runs the lanes of one run, each at most once, in one process. Knows the state of the sandbox and how to bring it to
 * the state that a lane needs.
 */
export class LaneRunner {
  readonly #info: RunInfo
  readonly #suite: AnySuite
  readonly #paths: WorkspacePaths
  readonly #host: ProcessHost
  readonly #recorder: Recorder
  readonly #env: Record<string, string>
  readonly #stop = new AbortController()
  readonly #createAgent: (env: Record<string, string>) => Promise<Agent>
  readonly #runs = new Map<string, LaneRun>()
  readonly #times = new Map<string, number>()
  readonly #concluded = new Map<string, 'passed' | 'failed'>()
  #state: SandboxState = { name: 'nothing', facts: {} }
  /** The lane that left the sandbox in a state nobody knows, and why. */
  #broken: { lane: string; why: string } | undefined
  #agent: Promise<Agent> | undefined

  constructor(info: RunInfo, suite: AnySuite, createAgent: (env: Record<string, string>) => Promise<Agent>) {
    this.#info = info
    this.#suite = suite
    this.#createAgent = createAgent
    this.#paths = workspacePaths(info.workspace)
    this.#host = createProcessHost(this.#paths.ledger)
    this.#recorder = new Recorder(this.#paths.progress)
    this.#env = {
      ...sandboxEnvironment(this.#paths, info.sandboxId, process.env),
      ...suite.environment(this.#paths, info.ports, process.env),
    }
    setInterval(this.#noticeStop, stopPollMs).unref()
  }

  get paths(): WorkspacePaths {
    return this.#paths
  }

  /** Ends what is running now, and refuses everything after, once the main process asks for it. */
  #noticeStop = (): void => {
    if (this.#stop.signal.aborted || !existsSync(this.#paths.stop)) return
    this.#stop.abort(readFileSync(this.#paths.stop, 'utf8').trim())
  }

  /**
   * Brings the sandbox to what the lane needs and starts the lane.
   * Returns why it cannot run, or its run.
   */
  async begin(name: string): Promise<LaneRun | { readonly refused: string }> {
    const existing = this.#runs.get(name)
    if (existing) return existing
    const lane = this.#lane(name)
    const refused = await this.#bringTo(lane.needs)
    if (refused !== undefined) {
      this.#recorder.add({ type: 'lane-ended', lane: name, status: 'skipped', durationMs: 0, reason: refused })
      return { refused }
    }
    return this.#start(lane, 'selected')
  }

  /** Closes a lane: its outcome and the suite author's own checks decide the sandbox's state. */
  async conclude(name: string, failedChecks: readonly string[]): Promise<void> {
    const run = this.#runs.get(name)
    if (!run || this.#concluded.has(name)) return
    const outcome = await run.ended
    const checks = failedChecks.length === 0 ? undefined : fail('check-failed', `failed: ${failedChecks.join('; ')}`).verdict
    const verdict: Verdict | undefined = outcome.verdict ?? checks
    const { needs, leaves } = run.lane
    if (!verdict && outcome.facts) {
      this.#state = { name: leaves, facts: outcome.facts }
    } else if (needs !== leaves) {
      this.#broken = { lane: name, why: verdict?.class ?? 'it left no state' }
    }
    this.#concluded.set(name, verdict ? 'failed' : 'passed')
    this.#recorder.add({
      type: 'lane-ended', lane: name, status: verdict ? 'failed' : 'passed', durationMs: performance.now() - this.#startedAt(name),
      ...(verdict && { verdict: { ...verdict, evidence: [...verdict.evidence] } }),
    })
    writeFileSync(this.#paths.state, `${JSON.stringify({
      schema: 1, state: this.#broken ? null : this.#state.name, facts: this.#broken ? null : this.#state.facts,
      lanes: Object.fromEntries(this.#concluded),
    }, null, 2)}\n`)
  }

  /** The facts a lane left, for its author's checks. */
  async factsLeft(name: string): Promise<object | undefined> {
    return (await this.#runs.get(name)?.ended)?.facts
  }

  /** What a check of the author's own can use. Its commands may take as long as the test, whose signal ends them. */
  contextFor(lane: string, check: string, signal: AbortSignal): StepContext {
    return createStepContext({
      base: this.#base(), host: this.#host, clone: this.#clone, lane, step: check, failsAs: 'check-failed',
      signal: AbortSignal.any([signal, this.#stop.signal]), leftMs: () => Infinity, onLog: () => undefined,
    }).context
  }

  #startedAt(name: string): number {
    return this.#times.get(name) ?? performance.now()
  }

  #lane(name: string): AnyLane {
    const lane = this.#suite.lanes.find((candidate) => candidate.name === name)
    if (!lane) throw new Error(`suite ${this.#suite.name} has no lane ${name}; it has ${this.#suite.lanes.map((other) => other.name).join(', ')}`)
    return lane
  }

  async #bringTo(state: string): Promise<string | undefined> {
    if (this.#stop.signal.aborted) return `the run was stopped: ${String(this.#stop.signal.reason)}`
    if (this.#broken) return `lane "${this.#broken.lane}" failed: ${this.#broken.why}`
    const route = routeBetween(this.#suite.lanes.filter((lane) => !this.#runs.has(lane.name)), this.#state.name, state)
    if (!route) return `no lane leads from the state "${this.#state.name}" to "${state}"`
    for (const lane of route) {
      this.#start(lane, 'set-up')
      await this.conclude(lane.name, [])
      if (this.#concluded.get(lane.name) === 'failed') return this.#bringTo(state)
    }
    return undefined
  }

  #start(lane: AnyLane, purpose: 'selected' | 'set-up'): LaneRun {
    const order = this.#suite.lanes.map(({ name }) => name).filter((name) => this.#info.selected.includes(name))
    this.#recorder.add({
      type: 'lane-started', lane: lane.name, purpose, index: order.indexOf(lane.name) + 1, of: order.length,
    })
    this.#times.set(lane.name, performance.now())
    const run = new LaneRun(lane, this.#state.facts, this.#surroundings(lane))
    this.#runs.set(lane.name, run)
    return run
  }

  readonly #clone: LaneSurroundings['clone'] = async (name, run) => {
    const asked = this.#info.options.sources[name]
    const source = asked === undefined ? this.#suite.sources[name] : parseSource(asked)
    if (!source) throw new Error(`suite ${this.#suite.name} has no source ${name}`)
    const checkout = await cloneSource(name, source, this.#paths.root, run)
    this.#recorder.add({ type: 'fact', name: `source.${name}`, value: `${asked ?? checkout.from} at ${checkout.commit}` })
    return checkout
  }

  #base(): LaneSurroundings['base'] {
    const { ports, options } = this.#info
    return {
      paths: this.#paths, ports, env: this.#env, restartSeconds: options.restartSeconds,
      undo: (command) => {
        appendToLedger(this.#paths.ledger, { kind: 'command', ...command, env: this.#env, timeoutMs: stopTimeoutMs })
      },
      fact: (name, value) => { this.#recorder.add({ type: 'fact', name, value }) },
    }
  }

  #surroundings(lane: AnyLane): LaneSurroundings {
    const { options } = this.#info
    const { facts } = this.#state
    return {
      base: this.#base(), host: this.#host, recorder: this.#recorder, stopped: this.#stop.signal, noticeStop: this.#noticeStop,
      budgetScale: options.budgetScale, stageMs: options.stageSeconds * 1000,
      clone: this.#clone,
      afterEachStep: async (context, step) => {
        for (const invariant of this.#suite.invariants) {
          try {
            await invariant.check(context)
          } catch (error) {
            if (!(error instanceof VerdictError)) throw error
            const { verdict } = error
            throw fail(verdict.class, `after step "${step}" of lane ${lane.name}: ${verdict.diagnosis}`, { evidence: verdict.evidence, remedy: verdict.remedy, cause: error })
          }
        }
      },
      runStage: async (name, definition, context, record) => {
        const wire = this.#suite.agent[lane.needs]
        if (!wire) throw fail('harness-bug', `suite ${this.#suite.name} wires no agent in the state "${lane.needs}"`)
        this.#agent ??= this.#createAgent(this.#env)
        await runStage({
          name, definition, facts: facts as never, context, agent: await this.#agent, host: this.#host,
          wiring: wire(facts as never, context), deadlineMs: options.stageSeconds * 1000,
          transcript: join(this.#paths.transcripts, `${name.replaceAll(/[^\w.-]+/g, '-')}.jsonl`), record,
        })
      },
    }
  }
}
