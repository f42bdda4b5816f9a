import type { McpWiring, ObservedCall } from './agents/agent.ts'
import type { Diagnoser } from './diagnosers/diagnoser.ts'
import type { OptionDefinition, OptionValues } from './options/definitions.ts'
import type { RunningProcess } from './processes/process.ts'
import type { WorkspacePaths } from './sandbox/workspace-paths.ts'
import type { RestartRequest, RestartResult } from './stack/restart.ts'
import type { StackDescription } from './stack/stack.ts'
import type { VerdictClass } from './verdict.ts'

/**
 * The contract between the harness and a system under test.
 *
 * A suite names the STATES its sandbox can be in, each with the facts that hold in it, and LANES that lead from one
 * state to another. A lane sees only the facts of the state it needs: the address of a stack exists only where the
 * stack is up. The harness brings the sandbox to any lane's state by running the lanes that lead there.
 */

/** State name -> facts that hold in it. Facts are plain JSON: they are written to disk after every lane. */
export type States<S> = { readonly [Name in keyof S]: object } & { readonly nothing: object }

/** The state of a new sandbox: only the workspace is there. */
export type Nothing = Readonly<Record<string, never>>

/** Something that must be on the machine before anything is created. */
export interface Prerequisite {
  readonly name: string
  /** Resolves to a version or path worth recording. @throws PrerequisiteError with the remedy */
  readonly find: (env: NodeJS.ProcessEnv) => Promise<string>
  /** Key of an option of the suite's own: where that is given, this is not needed. */
  readonly unless?: string
}

/** Where a checkout comes from. */
export type Source = (
  | { readonly kind: 'git'; readonly url: string; readonly ref?: string }
  /** There is no default: whoever runs the suite must name it. `what` stands in the error, e.g. `a checkout of it`. */
  | { readonly kind: 'asked'; readonly what: string }
  /** A folder of files that becomes a git repository inside the sandbox, and is then cloned like any other. */
  | { readonly kind: 'folder'; readonly folder: string }
) & {
  /** Key of an option of the suite's own that stands in for it. */
  readonly unless?: string
}

/** A source whose place is known. */
export type KnownSource = Exclude<Source, { readonly kind: 'asked' }>

export interface Checkout {
  readonly path: string
  readonly commit: string
  readonly from: string
}

/** A step: named work with a budget. */
export interface StepDefinition {
  readonly kind: 'step'
  /** Milliseconds; reaching it ends the step and fails the lane. */
  readonly budgetMs: number
  /** The step starts the stack: the time of all attempts (SMOKE_RESTART_TIMEOUT, SMOKE_RESTART_RETRIES) is added to its budget. */
  readonly restarts: boolean
  /** The class of a failure that does not bring its own. */
  readonly failsAs: VerdictClass
}

/** A step whose failure makes the lane red at its end; the next one runs all the same. */
export interface CheckDefinition extends Omit<StepDefinition, 'kind'> {
  readonly kind: 'check'
}

/** A promise that the system under test does not keep, for the people who make it. */
export interface Finding {
  /** The same in every run in which it happens, e.g. `kill-answers-500`; expectations name it. */
  readonly id: string
  /** Where the promise stands, e.g. `3.7`. */
  readonly section: string
  readonly promised: string
  /** What came instead: request, answer, log. */
  readonly happened: string
  /** `unclear`: the promise is worded for something that is there under another name, or says too little. */
  readonly severity: 'high' | 'low' | 'unclear'
  /** What to type to see it, a line each. */
  readonly reproduce: string
}

/** A finding that this version is known to give: it does not make a run red, and its absence does. */
export interface ExpectedFinding {
  /** Name of the step that gives it. */
  readonly step: string
  readonly id: string
  /** It depends on timing: its absence says nothing. */
  readonly sometimes?: boolean
}

/** A call the agent is asked to make, and the proof that it mattered. */
export interface ExpectedCall<Facts> {
  readonly server: string
  readonly tool: string
  /** The call must have at least these arguments with these values. */
  readonly arguments: Readonly<Record<string, unknown>>
  /** One sentence, e.g. `the overlay lists everything_smoke`. */
  readonly effect: string
  /** @throws when the effect is not there; the message says what is there instead */
  readonly verifyEffect: (evidence: CallEvidence, context: StepContext & { readonly facts: Facts }) => Promise<void>
}

export interface CallEvidence {
  readonly observed: ObservedCall
  /** All text of the tool's answer, as the agent saw it. */
  readonly text: string
}

/** A stage: one agent session that must make the given calls in the given order. */
export interface StageDefinition<Facts> {
  readonly kind: 'stage'
  /** A call of the stage restarts the stack: the time of one attempt (SMOKE_RESTART_TIMEOUT) is added to SMOKE_STAGE_TIMEOUT. */
  readonly restarts?: boolean
  readonly prompt: (facts: Facts) => string
  readonly calls: readonly ExpectedCall<Facts>[]
}

/** A tool call as the system under test logged it. */
export interface ReceivedCall {
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly ok: boolean
  readonly error?: string
  /** Text of the answer, where the log has it: what a person did by hand is judged by it. */
  readonly answer?: string
  /** Name of the client, as it introduced itself. */
  readonly client: string
}

/** How the agent reaches the stack, and how the stack tells what it received. */
export interface AgentWiring {
  readonly cwd: string
  readonly servers: Readonly<Record<string, McpWiring>>
  /** Tool calls in the stack's own log, oldest first. */
  readonly receivedCalls: () => Promise<readonly ReceivedCall[]>
}

export interface StartRequest {
  /** Default: the step's name. Several commands of one step share a log per name. */
  readonly name?: string
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  /** On top of the suite's environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly onLine?: (line: string) => void
}

export interface RunRequest extends StartRequest {
  /** Milliseconds, when shorter than what is left of the step's budget. */
  readonly deadlineMs?: number
}

/** What every step can use. */
export interface StepContext {
  readonly paths: WorkspacePaths
  /** Ports reserved for this sandbox, by the names the suite declared. */
  readonly ports: Readonly<Record<string, number>>
  /** The whole environment of the suite's processes. */
  readonly env: Readonly<Record<string, string>>
  /** Seconds the stack may take to start and answer (SMOKE_RESTART_TIMEOUT). */
  readonly restartSeconds: number
  /** Which of its own tests the clone is to run (SMOKE_TEST_SCOPE). */
  readonly testScope: 'none' | 'structural' | 'full'
  /** Values of the options that the suite declares itself, by key. */
  readonly options: Readonly<Record<string, unknown>>
  /** Aborts when the step is over its budget or the run is stopped. */
  readonly signal: AbortSignal
  /** Runs a command to its end; its output goes to `logs/<lane>-<name>.log`. Returns stdout. @throws VerdictError */
  readonly run: (request: RunRequest) => Promise<string>
  /**
   * Starts a process that goes on after the step: a daemon in the foreground, a server. It has a session of its own, is
   * in the ledger, and is ended with the sandbox if nobody calls its `stop()`. @throws Error when it cannot be started
   */
  readonly start: (request: StartRequest) => Promise<RunningProcess>
  /**
   * Starts the stack by its own command: looks who holds the port, bounds each attempt, probes `initialize`, proves that
   * it listens on that port and no other, and tries again after a failure, which leaves a diagnosis in `logs/`. Only for
   * suites that describe their stack. @throws VerdictError of class port-taken, port-mismatch, readiness or restart
   */
  readonly restart: (request: RestartRequest) => Promise<RestartResult>
  /** Clones a source of the suite to `<workspace>/<name>`. @throws VerdictError of class clone */
  readonly clone: (name: string) => Promise<Checkout>
  /** Registers how the stack is stopped, before it is started; also used when the harness itself dies. */
  readonly undo: (command: { name: string; file: string; args: readonly string[]; cwd: string; whilePidFile?: string }) => void
  /** Records a value worth keeping: a commit id, a version. */
  readonly fact: (name: string, value: string) => void
  /** Records a promise that was not kept. The step goes on, and has failed at its end unless the suite expects the finding. */
  readonly finding: (finding: Finding) => void
  /** Tells people something that is no failure: what was arranged for the stack, and why; what looks odd. */
  readonly note: (text: string) => void
}

export type StepTable<Facts> = Readonly<Record<string, StepDefinition | CheckDefinition | StageDefinition<Facts>>>

export type AnyStep = StepDefinition | CheckDefinition | StageDefinition<never>

type NamesOf<Steps, Kind> = { [Name in keyof Steps]: Steps[Name] extends { kind: Kind } ? Name : never }[keyof Steps] & string

export interface LaneContext<Facts, Steps> {
  /** The facts of the state the lane needs. */
  readonly facts: Facts
  /** Runs a declared step. Steps run one after another, in any order the lane likes. */
  readonly step: <T>(name: NamesOf<Steps, 'step'>, work: (context: StepContext) => Promise<T>) => Promise<T>
  /** Runs a declared check; resolves to undefined when it failed. @throws VerdictError when the run is to end */
  readonly check: <T>(name: NamesOf<Steps, 'check'>, work: (context: StepContext) => Promise<T>) => Promise<T | undefined>
  /** Runs a declared stage with the agent and judges each expected call; steps before it must bear to be repeated. */
  readonly stage: (name: NamesOf<Steps, 'stage'>) => Promise<void>
  /** Passes over a declared step or stage that an option switched off; the reason is shown. */
  readonly skip: (name: keyof Steps & string, reason: string) => void
  /** As in a step: which of its own tests the clone is to run, and the suite's own options. */
  readonly testScope: StepContext['testScope']
  readonly options: StepContext['options']
}

/** One lane. `States` is the suite's map; the lane's work gets the facts of `needs` and returns those of `leaves`. */
export interface Lane<S extends States<S>, Needs extends keyof S, Leaves extends keyof S, Steps extends StepTable<S[Needs]>> {
  readonly name: string
  /** One line for people: what this lane proves. */
  readonly proves: string
  readonly needs: Needs & string
  readonly leaves: Leaves & string
  /**
   * It begins as soon as the sandbox is in the state it needs, goes on beside the lanes before it, and is told at its own
   * place: for a lane that mostly waits. It leaves the state as it found it, has no stage, and touches nothing that others
   * use; no lane that changes the state begins before it has ended.
   */
  readonly beside?: boolean
  readonly steps: Steps
  readonly work: (context: LaneContext<S[Needs], Steps>) => Promise<S[Leaves]>
}

/** A lane as the harness handles it; its types were checked where it was defined. */
export interface AnyLane {
  readonly name: string
  readonly proves: string
  readonly needs: string
  readonly leaves: string
  readonly beside?: boolean
  readonly steps: Readonly<Record<string, AnyStep>>
  readonly work: (context: never) => Promise<object>
}

/** A check that must hold after every step of every lane. */
export interface Invariant {
  readonly name: string
  /** @throws VerdictError when it does not hold */
  readonly check: (context: StepContext) => Promise<void>
}

export interface Suite<S extends States<S>> {
  readonly name: string
  readonly prerequisites: readonly Prerequisite[]
  readonly sources: Readonly<Record<string, Source>>
  /** Names of the ports to reserve. */
  readonly ports: readonly string[]
  /** Variables of the suite's processes, on top of the sandbox's own; `host` is what the user has, for what must be let in. */
  readonly environment: (
    paths: WorkspacePaths, ports: Readonly<Record<string, number>>, host: NodeJS.ProcessEnv,
  ) => Readonly<Record<string, string>>
  /** How the agent is wired in each state that has something to talk to. */
  readonly agent: { readonly [Name in keyof S]?: (facts: S[Name], context: StepContext) => AgentWiring }
  /**
   * For each state that a later run can go on in: the lane that starts what a run has ended, and proves that the state
   * holds. A state without one cannot be resumed.
   */
  readonly resume?: { readonly [Name in keyof S]?: AnyLane & { readonly needs: Name; readonly leaves: Name } }
  /** Files that hold the sandbox's settings and name all its ports: without them a workspace is not gone on with. */
  readonly environmentFiles?: (paths: WorkspacePaths) => readonly string[]
  /** What is looked at when the stack does not start, falls silent or takes too long. */
  readonly stack?: (paths: WorkspacePaths, ports: Readonly<Record<string, number>>) => StackDescription
  /**
   * Lists of names worth comparing before and after each lane, by title: the live tools, what git sees changed. Looked at
   * wherever the sandbox is in the state; costs time in every lane, so well below 0.1 s. What fails here is only a note.
   */
  readonly snapshots?: { readonly [Name in keyof S]?: (facts: S[Name], context: StepContext) => Promise<Readonly<Record<string, readonly string[]>>> }
  /** Small functions that turn a failure of this stack into its named cause; asked before the harness's own. */
  readonly diagnosers?: readonly Diagnoser[]
  /** Debug output of the stack (SMOKE_CAPTURE_DEBUG_TOOLS): what switches it on, and globs of its logs, relative to the workspace. */
  readonly debug?: { readonly environment: (paths: WorkspacePaths) => Readonly<Record<string, string>>; readonly logs: readonly string[] }
  /** Files and directories of the user's that this stack would spoil if its isolation failed; no run may change them. */
  readonly hostPaths?: (home: string) => readonly string[]
  /** Defaults of the harness's options that fit this stack better; whoever sets the option still decides. */
  readonly defaults?: Partial<Pick<OptionValues, 'stageTimeout' | 'restartTimeout' | 'heartbeatTimeout'>>
  /** Options of the suite's own. */
  readonly options?: Readonly<Record<string, OptionDefinition>>
  /** Looks at their values before anything is made. @throws UsageError */
  readonly checkOptions?: (values: Readonly<Record<string, unknown>>) => void
  /** Findings that the version in the sandbox is known to give, by the facts of the state a lane needs. */
  readonly expectedFindings?: (facts: object) => readonly ExpectedFinding[]
  /** In the order they run. */
  readonly lanes: readonly AnyLane[]
  readonly invariants: readonly Invariant[]
}

/** A suite as the harness handles it. */
export interface AnySuite extends Omit<Suite<{ nothing: object }>, 'agent' | 'resume' | 'snapshots'> {
  readonly agent: Readonly<Record<string, ((facts: never, context: StepContext) => AgentWiring) | undefined>>
  readonly resume?: Readonly<Record<string, AnyLane | undefined>>
  readonly snapshots?: Readonly<Record<string, ((facts: never, context: StepContext) => Promise<Readonly<Record<string, readonly string[]>>>) | undefined>>
}

/**
 * Binds a suite's states: `const { lane, suite } = defineSuite<MyStates>()`.
 * @throws Error (from `suite`) when two lanes share a name, no lane leads to a state that one needs, or one cannot run beside others
 */
export function defineSuite<S extends States<S>>(): {
  readonly lane: <Needs extends keyof S & string, Leaves extends keyof S & string, const Steps extends StepTable<S[Needs]>>(
    lane: Lane<S, Needs, Leaves, Steps>,
  ) => Lane<S, Needs, Leaves, Steps>
  readonly suite: (suite: Suite<S>) => Suite<S>
} {
  return {
    lane: (lane) => lane,
    suite: (suite) => {
      const names = suite.lanes.map(({ name }) => name)
      const twice = names.find((name, index) => names.indexOf(name) !== index)
      if (twice !== undefined) throw new Error(`suite ${suite.name}: two lanes are called ${twice}`)
      const odd = [...Object.keys(suite.sources), ...suite.ports].find((name) => !/^[a-z][a-z0-9-]*$/.test(name))
      if (odd !== undefined) throw new Error(`suite ${suite.name}: the source or port ${JSON.stringify(odd)} cannot be named in a variable: use small letters, digits and "-"`)
      const reachable = new Set(['nothing', ...suite.lanes.map(({ leaves }) => leaves)])
      const stranded = suite.lanes.find(({ needs }) => !reachable.has(needs))
      if (stranded) throw new Error(`suite ${suite.name}: lane ${stranded.name} needs the state ${stranded.needs}, which no lane leaves`)
      const unfit = suite.lanes.find(({ beside, needs, leaves, steps }) => beside === true && (needs !== leaves || Object.values(steps).some((one) => one.kind === 'stage' || one.restarts)))
      if (unfit) throw new Error(`suite ${suite.name}: lane ${unfit.name} cannot run beside others: it has a stage, restarts the stack, or leaves another state than it needs`)
      return suite
    },
  }
}

/** A step with its budget in seconds. */
export function step(budgetSeconds: number, failsAs: VerdictClass = 'bootstrap-step'): StepDefinition {
  return { kind: 'step', budgetMs: budgetSeconds * 1000, restarts: false, failsAs }
}

/** A check with its budget in seconds: it may fail, and the lane still runs the others. */
export function check(budgetSeconds: number): CheckDefinition {
  return { ...step(budgetSeconds, 'check-failed'), kind: 'check' }
}

/**
 * A step that starts the stack with `restart`. It may take as long as all attempts together, and `marginSeconds` more.
 */
export function restartStep(marginSeconds = 5): StepDefinition {
  return { kind: 'step', budgetMs: marginSeconds * 1000, restarts: true, failsAs: 'restart' }
}

/** A stage of a lane that needs a state with the given facts. */
export function stage<Facts>(definition: Omit<StageDefinition<Facts>, 'kind'>): StageDefinition<Facts> {
  return { kind: 'stage', ...definition }
}
