import { existsSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import type { Agent } from '../agents/agent.ts'
import { explainVerdict } from '../diagnosers/diagnoser.ts'
import { commonDiagnosers } from '../diagnosers/common.ts'
import { createProcessHost } from '../processes/host.ts'
import type { ProcessHost } from '../processes/process.ts'
import { startSampler, thinned, type UsageSampler } from '../processes/usage.ts'
import type { Redactor } from '../redaction/redactor.ts'
import { runRedactor } from '../redaction/run-redactor.ts'
import { cloneSource, effectiveSource, shownSource } from '../sandbox/clone.ts'
import { captureDebugLogs, markDebugLogs, startCollectors } from '../sandbox/debug-capture.ts'
import { sandboxEnvironment } from '../sandbox/environment.ts'
import { ownedProcesses } from '../sandbox/finish.ts'
import { appendToLedger, readLedger } from '../sandbox/ledger.ts'
import { updateMarker, type Marker } from '../sandbox/marker.ts'
import { readState, writeState, type SandboxState } from '../sandbox/state.ts'
import { workspacePaths, type WorkspacePaths } from '../sandbox/workspace-paths.ts'
import { diagnose } from '../stack/diagnose.ts'
import { readTail } from '../stack/log-tails.ts'
import { restartStack } from '../stack/restart.ts'
import type { SandboxView, StackDescription } from '../stack/stack.ts'
import type { SnapshotRecord } from '../record.ts'
import { restartStep, type AnyLane, type AnySuite, type StepContext } from '../suite.ts'
import { fail, VerdictError, withConsequences, type Verdict } from '../verdict.ts'
import { excerpt } from '../redaction/excerpt.ts'
import { attemptGraceMs, budgetMsOf, diagnosisMs } from './budget.ts'
import { LaneRun, type LaneSurroundings } from './lane-run.ts'
import { loweredLimit, withLoweredLimit, type FailedStep } from './lowered-limit.ts'
import { ManualStages } from './manual.ts'
import { Recorder } from './recorder.ts'
import { createStepContext } from './step-context.ts'
import { routeBetween } from './route.ts'
import type { RunInfo } from './run-info.ts'
import { runStage } from './run-stage.ts'
import { takeSnapshot } from './snapshot.ts'

/** How often the worker looks whether it is to stop: a signal may reach the main process alone. Milliseconds. */
const stopPollMs = 100

/** How long a suite's own way to stop its stack may take. Milliseconds. */
const stopTimeoutMs = 10_000

/** How often the processes of the sandbox are counted and weighed. Milliseconds. */
const usageMs = 1000

/**
 * Runs the lanes of one run, each at most once, in one process. Knows the state of the sandbox and how to bring it to
 * the state that a lane needs.
 */
export class LaneRunner {
  readonly #info: RunInfo
  readonly #suite: AnySuite
  readonly #paths: WorkspacePaths
  readonly #host: ProcessHost
  /** For what talks all the time, whatever happens: it is no sign of life. */
  readonly #silentHost: ProcessHost
  readonly #recorder: Recorder
  readonly #redactor: Redactor
  readonly #env: Record<string, string>
  readonly #stop = new AbortController()
  readonly #alarm = new AbortController()
  readonly #manual: ManualStages
  readonly #usage: UsageSampler
  readonly #createAgent: (env: Record<string, string>) => Promise<Agent>
  readonly #runs = new Map<string, LaneRun>()
  readonly #times = new Map<string, number>()
  /** Lanes that run, or ran, beside others, and when they ended; `told` once it is their turn. */
  readonly #beside = new Map<string, { endedAt?: number; told: boolean }>()
  readonly #concluded = new Map<string, 'passed' | 'failed' | 'paused'>()
  readonly #checkouts: Record<string, Marker['sources'][string]> = {}
  #state: SandboxState = { schema: 2, state: 'nothing', facts: {} }
  /** Why nothing more can run, and the lane whose failure that is. */
  #closed: { readonly why: string; readonly lane?: string } | undefined
  #resumed: boolean
  /** The state in which an earlier run left the sandbox. */
  #takenOver = 'nothing'
  #agent: Promise<Agent> | undefined
  /** What the stack looked like after the last lane; the next one finds it so. */
  #snapshot: SnapshotRecord | undefined
  #lastSign = { at: performance.now(), line: '(nothing yet)' }
  #raised = false

  constructor(info: RunInfo, suite: AnySuite, createAgent: (env: Record<string, string>) => Promise<Agent>) {
    this.#info = info
    this.#suite = suite
    this.#createAgent = createAgent
    this.#paths = workspacePaths(info.workspace)
    this.#redactor = runRedactor(info.workspace, suite, info.options.agentHome)
    this.#silentHost = createProcessHost(this.#paths.ledger, this.#redactor)
    this.#host = {
      start: (command) => this.#silentHost.start({
        ...command,
        onLine: (line, stream, shown) => {
          this.#hear(shown)
          command.onLine?.(line, stream, shown)
        },
      }),
    }
    this.#recorder = new Recorder(this.#paths.progress, this.#redactor, (type) => {
      // That a step is slow, or that its processes were looked at, is no sign of life of it.
      if (type !== 'step-slow' && type !== 'sample') this.#hear(`(${type})`)
    })
    this.#env = {
      ...sandboxEnvironment(this.#paths, info.sandboxId, process.env, info.options.cacheDir),
      ...suite.environment(this.#paths, info.ports, process.env),
      ...(info.options.captureDebugTools && suite.debug?.environment(this.#paths)),
    }
    this.#redactor.learnFrom(this.#env)
    if (info.resumed) {
      this.#state = readState(this.#paths.state)
      this.#takenOver = this.#state.state
      Object.assign(this.#checkouts, info.resumed.sources)
    }
    this.#resumed = info.resumed === undefined || info.resumed.alive
    this.#manual = new ManualStages({ info, suite, paths: this.#paths, env: this.#env, redactor: this.#redactor, waiting: this.#state.paused })
    const { memoryLimit, processLimit } = info.options
    this.#usage = startSampler({
      pids: () => this.#processes().map(({ pid }) => pid), intervalMs: usageMs,
      limits: { ...(memoryLimit > 0 && { memoryBytes: memoryLimit * 2 ** 20 }), ...(processLimit > 0 && { processes: processLimit }) },
      onSample: thinned((sample) => { this.#recorder.add({ type: 'sample', ...sample }) }),
      onOver: (what) => { void this.#raise(fail('resources', what, { remedy: 'find out what grows; SMOKE_MEMORY_LIMIT and SMOKE_PROCESS_LIMIT set the limits' })) },
    })
    setInterval(() => {
      this.#noticeStop()
      this.#noticeSilence()
    }, stopPollMs).unref()
  }

  get paths(): WorkspacePaths {
    return this.#paths
  }

  /** Ends what is running now, and refuses everything after, once the main process asks for it. */
  #noticeStop = (): void => {
    if (this.#stop.signal.aborted || !existsSync(this.#paths.stop)) return
    this.#stop.abort(readFileSync(this.#paths.stop, 'utf8').trim())
  }

  #hear(line: string): void {
    this.#lastSign = { at: performance.now(), line }
  }

  #noticeSilence(): void {
    const { heartbeatTimeout } = this.#info.options
    const running = [...this.#runs.keys()].some((name) => !this.#concluded.has(name))
    if (!running || heartbeatTimeout === 0 || performance.now() - this.#lastSign.at < heartbeatTimeout * 1000) return
    void this.#raise(fail('stalled', `nothing was heard for ${heartbeatTimeout} s; the last sign of life was: ${excerpt(this.#lastSign.line, 300)}`, {
      remedy: 'find out what hangs; SMOKE_HEARTBEAT_TIMEOUT sets the window',
    }))
  }

  /** The verdict with a remedy where a limit that was set low may be its cause. */
  #limited(verdict: Verdict, failed?: FailedStep): Verdict {
    return withLoweredLimit(verdict, loweredLimit(verdict.class, failed, this.#info.options, this.#suite.defaults ?? {}))
  }

  /** Ends the run for a cause of its own, after a look at the stack while everything still stands. */
  async #raise(cause: VerdictError): Promise<void> {
    if (this.#raised) return
    this.#raised = true
    const verdict = this.#limited(cause.verdict)
    const found = await this.#diagnose(`${verdict.class}: ${verdict.diagnosis}`, verdict.class)
    this.#alarm.abort(found ? fail(verdict.class, verdict.diagnosis, { evidence: [found.file], remedy: verdict.remedy }) : new VerdictError(verdict))
  }

  /**
   * Brings the sandbox to what the lane needs and starts the lane.
   * Returns why it cannot run, or its run.
   */
  async begin(name: string): Promise<LaneRun | { readonly refused: string }> {
    const existing = this.#runs.get(name)
    if (existing) return this.#told(existing)
    const lane = this.#lane(name)
    const notNow = this.#notNow(lane)
    // Nothing else may follow, and a run that goes on must not end without having looked at what is there.
    const broken = notNow !== undefined && !this.#resumed ? await this.#bringTo(this.#state.state) : undefined
    const refused = broken ?? notNow ?? await this.#bringTo(lane.needs)
    if (refused !== undefined) {
      const because = refused === this.#closed?.why ? this.#closed.lane : undefined
      this.#recorder.add({ type: 'lane-ended', lane: name, status: 'skipped', durationMs: 0, reason: refused, ...(because !== undefined && { because }) })
      return { refused }
    }
    this.#beginBeside()
    const begun = this.#runs.get(name)
    if (begun) return this.#told(begun)
    await this.#aloneFor(lane)
    await this.#look(lane, 'before')
    return this.#start(lane, 'selected')
  }

  /** Begins the lanes of this run that go on beside those before them, once they have what they need. */
  #beginBeside(): void {
    for (const lane of this.#suite.lanes) {
      const { name, needs, beside } = lane
      if (beside !== true || needs !== this.#state.state || this.#runs.has(name) || !this.#info.selected.includes(name) || this.#notNow(lane) !== undefined) continue
      const told: { endedAt?: number; told: boolean } = { told: false }
      this.#beside.set(name, told)
      void this.#run(lane).ended.then(() => { told.endedAt = performance.now() })
    }
  }

  /** It is the lane's turn: what it did so far may be shown. */
  #told(run: LaneRun): LaneRun {
    const beside = this.#beside.get(run.lane.name)
    if (beside && !beside.told) {
      beside.told = true
      this.#announce(run.lane, 'selected')
    }
    return run
  }

  /** A lane that changes the state waits for those that still use it. */
  async #aloneFor({ needs, leaves }: AnyLane): Promise<void> {
    if (needs === leaves) return
    for (const name of this.#beside.keys()) await this.#runs.get(name)?.ended
  }

  /** Why a lane need not or must not run in this run. */
  #notNow(lane: AnyLane): string | undefined {
    const { options, resumed, selected } = this.#info
    const [first] = this.#suite.lanes
    if (options.bootstrapOnly && lane !== first) return `the run ends after lane "${first?.name ?? ''}" (SMOKE_BOOTSTRAP_ONLY)`
    if (!resumed?.done.includes(lane.name)) return undefined
    // When all that was asked for is done already, it is asked for again; only what needs an empty sandbox cannot be.
    const goesOn = selected.some((name) => !resumed.done.includes(name))
    return goesOn || lane.needs === 'nothing' ? `done in an earlier run; the workspace was taken over in the state "${this.#takenOver}"` : undefined
  }

  /** Closes a lane: its outcome and the suite author's own checks decide the sandbox's state. */
  async conclude(name: string, failedChecks: readonly string[]): Promise<void> {
    const run = this.#runs.get(name)
    if (!run) return
    const checks = failedChecks.length === 0 ? undefined : fail('check-failed', `failed: ${failedChecks.join('; ')}`).verdict
    const before = this.#concluded.get(name)
    // It ran as set-up, and its own checks only now: they can still fail it.
    if (before !== undefined && (before !== 'passed' || !checks)) return
    const outcome = await run.ended
    const alarm = this.#alarm.signal.aborted ? (this.#alarm.signal.reason as VerdictError).verdict : undefined
    const cause = outcome.verdict ?? alarm ?? checks
    // Where the lane itself failed, the calls that failed in it are told already.
    const verdict = cause && withConsequences(cause, outcome.verdict || checks === undefined || checks === cause ? [] : [`${checks.class}: ${checks.diagnosis}`])
    const beside = this.#beside.get(name)
    const durationMs = (beside?.endedAt ?? performance.now()) - this.#startedAt(name)
    const { needs, leaves } = run.lane
    if (outcome.status === 'paused') {
      // Where to read what to do is said once, at the stage.
      this.#closed = { why: `the run paused in lane "${name}"` }
      this.#concluded.set(name, 'paused')
      this.#recorder.add({ type: 'lane-ended', lane: name, status: 'skipped', durationMs, reason: outcome.reason ?? '' })
      this.#save({ broken: undefined, paused: this.#manual.waiting })
      return
    }
    this.#concluded.set(name, verdict ? 'failed' : 'passed')
    this.#recorder.add({
      type: 'lane-ended', lane: name, status: verdict ? 'failed' : 'passed', durationMs,
      ...(verdict && { verdict }),
    })
    // A check among the steps may fail; one of the author's own, beside them, doubts the state.
    const holds = outcome.holds === true && alarm === undefined && failedChecks.every((check) => check in run.lane.steps)
    if (beside) {
      // The state is whatever the other lanes have made of it since.
      this.#save({ paused: this.#manual.waiting })
    } else if (outcome.facts && (!verdict || holds)) {
      this.#save({ state: leaves, facts: outcome.facts, broken: undefined, paused: this.#manual.waiting })
    } else if (needs !== leaves || name === resumeLane) {
      this.#closed = { why: `lane "${name}" failed: ${verdict?.class ?? 'it left no state'}`, lane: name }
      this.#save({ broken: { lane: name, why: verdict?.class ?? 'it left no state' }, paused: this.#manual.waiting })
    } else {
      this.#save({ paused: this.#manual.waiting })
    }
    if (before === undefined && !beside) await this.#look(run.lane, 'after')
    if (name === resumeLane) return
    updateMarker(this.#paths.root, { lanes: { ...this.#info.resumed?.lanes, ...this.#outcomes() } })
  }

  #outcomes(): Record<string, 'passed' | 'failed'> {
    return Object.fromEntries([...this.#concluded].filter((entry): entry is [string, 'passed' | 'failed'] => entry[1] !== 'paused' && entry[0] !== resumeLane))
  }

  #save(change: { [Key in keyof SandboxState]?: SandboxState[Key] | undefined }): void {
    const next = { ...this.#state, ...change }
    this.#state = Object.fromEntries(Object.entries(next).filter(([, value]) => value !== undefined)) as unknown as SandboxState
    writeState(this.#paths.state, this.#state)
    try {
      // A copy without secrets: whoever goes on needs them.
      writeState(join(this.#info.results, 'state.json'), this.#redactor.refresh().value(this.#state))
    } catch {
      // The results cannot be written, which the reports will say.
    }
  }

  /** The facts a lane left, for its author's checks. */
  async factsLeft(name: string): Promise<object | undefined> {
    return (await this.#runs.get(name)?.ended)?.facts
  }

  /** What a check of the author's own can use. Its commands may take as long as the test, whose signal ends them. */
  contextFor(lane: string, check: string, signal: AbortSignal): StepContext {
    return createStepContext({
      base: this.#base(), host: this.#host, clone: this.#clone, restartWith: this.#restartWith, lane, step: check, failsAs: 'check-failed',
      signal: AbortSignal.any([signal, this.#stop.signal, this.#alarm.signal]), leftMs: () => Infinity, onLog: () => undefined,
      finding: () => { throw fail('harness-bug', 'findings are given by steps of a lane, not by the checks beside them') },
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
    if (this.#alarm.signal.aborted) return `the run was ended: ${(this.#alarm.signal.reason as VerdictError).verdict.class}`
    if (this.#closed !== undefined) return this.#closed.why
    if (!this.#resumed) {
      this.#resumed = true
      const lane = this.#suite.resume?.[this.#state.state]
      // Whoever made the plan has looked: a state that cannot be resumed is refused before anything is touched.
      if (!lane) throw new Error(`suite ${this.#suite.name} cannot go on in the state ${this.#state.state}`)
      await this.#setUp({ ...lane, name: resumeLane })
      return this.#bringTo(state)
    }
    const route = routeBetween(this.#suite.lanes.filter((lane) => !this.#runs.has(lane.name)), this.#state.state, state)
    if (!route) return `no lane leads from the state "${this.#state.state}" to "${state}"`
    for (const lane of route) {
      await this.#setUp(lane)
      if (this.#concluded.get(lane.name) !== 'passed') return this.#bringTo(state)
    }
    return undefined
  }

  async #setUp(lane: AnyLane): Promise<void> {
    await this.#aloneFor(lane)
    // What resumes a sandbox finds no stack: there is nothing to look at yet.
    if (lane.name !== resumeLane) await this.#look(lane, 'before')
    this.#start(lane, 'set-up')
    await this.conclude(lane.name, [])
  }

  /** Writes down what the suite shows of its stack. A look that fails is a note: it is no part of what a run proves. */
  async #look(lane: AnyLane, when: 'before' | 'after'): Promise<void> {
    const known = this.#snapshot
    this.#snapshot = undefined
    const { state, facts } = this.#state
    const show = this.#suite.snapshots?.[state]
    if (!show || this.#stop.signal.aborted || this.#alarm.signal.aborted) return
    try {
      const lists = (when === 'before' ? known : undefined) ?? await takeSnapshot((signal) => show(facts as never, this.contextFor(lane.name, 'snapshot', signal)))
      if (when === 'after') this.#snapshot = lists
      this.#recorder.add({ type: 'snapshot', lane: lane.name, when, lists })
    } catch (error) {
      this.#recorder.add({ type: 'note', text: `what the stack looked like ${when} lane ${lane.name} is not known: ${error instanceof Error ? error.message : String(error)}` })
    }
  }

  #announce(lane: AnyLane, purpose: 'selected' | 'set-up'): void {
    const order = this.#suite.lanes.map(({ name }) => name).filter((name) => this.#info.selected.includes(name))
    this.#recorder.add({
      type: 'lane-started', lane: lane.name, purpose, index: order.indexOf(lane.name) + 1, of: order.length,
    })
  }

  #start(lane: AnyLane, purpose: 'selected' | 'set-up'): LaneRun {
    this.#announce(lane, purpose)
    return this.#run(lane)
  }

  #run(lane: AnyLane): LaneRun {
    this.#times.set(lane.name, performance.now())
    // If the whole run dies in the middle of it, whoever goes on must know.
    if (lane.needs !== lane.leaves) this.#save({ broken: { lane: lane.name, why: 'it did not come to its end' } })
    const run = new LaneRun(lane, this.#state.facts, this.#surroundings(lane))
    this.#runs.set(lane.name, run)
    return run
  }

  readonly #clone: LaneSurroundings['clone'] = async (name, run) => {
    const own = this.#suite.sources[name]
    if (!own) throw new Error(`suite ${this.#suite.name} has no source ${name}`)
    const { sources, refs } = this.#info.options
    const source = effectiveSource(own, sources[name], refs[name], name)
    const checkout = await cloneSource(name, source, this.#paths.root, run)
    const from = source.kind === 'git' ? source.url : source.folder
    this.#recorder.add({ type: 'fact', name: `source.${name}`, value: `${shownSource(source, sources[name], this.#info.project)} at ${checkout.commit}` })
    this.#checkouts[name] = { from, kind: source.kind, ...(source.kind === 'git' && source.ref !== undefined && { ref: source.ref }), commit: checkout.commit }
    updateMarker(this.#paths.root, { sources: { ...this.#checkouts } })
    return checkout
  }

  #processes(): SandboxView['processes'] extends () => infer Processes ? Processes : never {
    return existsSync(this.#paths.ledger) ? ownedProcesses(readLedger(this.#paths.ledger), { harness: false }) : []
  }

  #view(): SandboxView {
    return { root: this.#paths.root, env: this.#env, ports: this.#info.ports, processes: () => this.#processes() }
  }

  #stack(): StackDescription | undefined {
    return this.#suite.stack?.(this.#paths, this.#info.ports)
  }

  readonly #diagnose: LaneSurroundings['diagnose'] = async (why, name) => {
    const stack = this.#stack()
    if (!stack) return undefined
    return diagnose(this.#view(), stack, { why, redactor: this.#redactor, file: `logs/${plainName(name)}-diagnosis.txt`, boundMs: diagnosisMs })
  }

  readonly #restartWith: LaneSurroundings['restartWith'] = async (request, step) => {
    const stack = this.#stack()
    if (!stack) throw fail('harness-bug', `suite ${this.#suite.name} restarts its stack but does not describe it: give it a \`stack\``)
    const { restartTimeout, restartRetries } = this.#info.options
    return restartStack(request, {
      view: this.#view(), stack, redactor: this.#redactor, run: step.run, signal: step.signal, leftMs: step.leftMs, onEvidence: step.onEvidence,
      attemptMs: restartTimeout * 1000 + attemptGraceMs, retries: restartRetries,
      diagnosisFile: (attempt) => `logs/${plainName(step.name)}-diagnosis${attempt === 1 ? '' : `-${attempt}`}.txt`,
      note: (text) => { this.#recorder.add({ type: 'note', text }) },
      suspect: (tookMs) => loweredLimit('restart', { definition: restartStep(), tookMs }, this.#info.options, this.#suite.defaults ?? {}),
    })
  }

  #base(): LaneSurroundings['base'] {
    const { ports, options } = this.#info
    return {
      paths: this.#paths, ports, env: this.#env, restartSeconds: options.restartTimeout, testScope: options.testScope, options: options.own,
      undo: (command) => {
        appendToLedger(this.#paths.ledger, { kind: 'command', ...command, env: this.#env, timeoutMs: stopTimeoutMs })
      },
      fact: (name, value) => { this.#recorder.add({ type: 'fact', name, value }) },
      note: (text) => { this.#recorder.add({ type: 'note', text }) },
    }
  }

  #surroundings(lane: AnyLane): LaneSurroundings {
    const { options } = this.#info
    const { facts } = this.#state
    return {
      base: this.#base(), host: this.#host, recorder: this.#recorder, redactor: this.#redactor, stopped: this.#stop.signal, noticeStop: this.#noticeStop, alarm: this.#alarm.signal,
      budgetMs: (definition) => budgetMsOf(definition, options), expected: this.#suite.expectedFindings?.(facts) ?? [],
      clone: this.#clone, restartWith: this.#restartWith, diagnose: this.#diagnose, takeUsage: () => this.#usage.take(lane.name),
      explain: (verdict, { lane, step, stage, ...failed }) => {
        const explained = explainVerdict(
          verdict,
          { lane, step, stage, paths: this.#paths, ports: this.#info.ports, tail: (path) => readTail(resolve(this.#paths.root, path))?.lines.join('\n') ?? '' },
          [...(this.#suite.diagnosers ?? []), ...commonDiagnosers],
          (text) => { this.#recorder.add({ type: 'note', text }) },
        )
        return this.#limited(explained, failed)
      },
      sampleUsage: () => this.#usage.sample().catch(() => undefined),
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
        const wiring = wire(facts as never, context)
        const agent = (): Promise<Agent> => this.#agent ??= this.#createAgent(this.#env)
        const session = {
          name, definition, facts: facts as never, context, wiring, deadlineMs: budgetMsOf(definition, options),
          transcript: join(this.#paths.transcripts, `${plainName(name)}.jsonl`), record,
        }
        if (await this.#manual.takesOver(lane.name, session, agent)) {
          this.#recorder.add({ type: 'paused', lane: lane.name, stage: name, file: relative(this.#paths.root, this.#manual.pageOf(lane.name)) })
          throw this.#manual.pause(lane.name, name)
        }
        const byHand = this.#manual.wasDoneByHand(lane.name, name)
        await this.#captured(name, byHand, async () => {
          if (byHand) {
            try {
              await this.#manual.judge(lane.name, session)
            } catch (error) {
              // The stack goes on, so that what is missing can be done, or done again.
              this.#recorder.add({ type: 'paused', lane: lane.name, stage: name, file: relative(this.#paths.root, this.#manual.pageOf(lane.name)) })
              throw error
            }
          }
          else {
            this.#manual.leaveToAgent(lane.name, name)
            await runStage({ ...session, agent: await agent(), host: this.#host, redactor: this.#redactor })
          }
        })
      },
    }
  }

  /** Keeps what a stage adds to the stack's debug logs, and what the collectors see meanwhile, where that was asked for. */
  async #captured(stage: string, byHand: boolean, work: () => Promise<void>): Promise<void> {
    const { captureDebugTools, captureDiagLogs } = this.#info.options
    const note = (text: string): void => { this.#recorder.add({ type: 'note', text }) }
    const globs = captureDebugTools ? this.#suite.debug?.logs : undefined
    const now = new Date()
    // A person has acted before this run began: what is there is all of theirs.
    const mark = globs && (byHand ? { ...markDebugLogs(this.#paths.root, globs), since: new Map() } : markDebugLogs(this.#paths.root, globs))
    const collectors = captureDiagLogs
      ? await startCollectors({ host: this.#silentHost, stage, directory: this.#paths.logs, cwd: this.#paths.root, env: this.#env, now, redactor: this.#redactor })
      : undefined
    try {
      await work()
    } finally {
      if (collectors) (await collectors.stop()).forEach(note)
      if (mark) {
        const { files, notes } = captureDebugLogs(mark, { stage, now, redactor: this.#redactor, targets: [this.#paths.logs, this.#paths.transcripts, join(this.#info.results, 'logs')] })
        notes.forEach(note)
        if (files.length === 0) note(`stage ${stage}: nothing was added to the debug logs`)
      }
    }
  }
}

/** The lane that starts again what an earlier run has ended. */
const resumeLane = 'resume'

const plainName = (name: string): string => name.replaceAll(/[^\w.-]+/g, '-')
