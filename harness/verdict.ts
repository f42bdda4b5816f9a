/** Why a lane failed: the closed set of classes, each with the sentence that explains it to a newcomer. */
export const verdictClasses = {
  prerequisite: 'something the run needs is not on this machine',
  clone: 'a source could not be cloned',
  'bootstrap-step': 'a step that prepares the stack failed',
  budget: 'a step took longer than its budget',
  stalled: 'nothing was heard from the run for longer than its heartbeat window',
  resources: 'the processes of the sandbox used more than they were allowed',
  restart: 'the stack did not start',
  'port-mismatch': 'the stack listens on another port than the one it was given',
  'port-taken': 'a port of the sandbox is held by a process that is not its own',
  readiness: 'the stack started but never became ready',
  catalog: 'the tools on offer are not the tools intended',
  'agent-startup': 'the agent ended before its session began',
  'agent-hang': 'the agent stopped making progress',
  'agent-protocol': 'the agent speaks in a way this version does not understand',
  model: 'the model endpoint failed',
  'model-script': 'the agent and the scripted model disagree about the conversation',
  'tool-missing': 'a tool the stage needs was not offered to the agent',
  'tool-failed': 'a tool answered with an error',
  'not-attempted': 'the agent did not make a call it was asked for',
  'not-effective': 'a call succeeded but changed nothing',
  'evidence-conflict': 'the agent and the server tell different stories',
  'dirty-repo': 'tracked or untracked files of the clone changed',
  drift: 'the state on disk and the live stack differ',
  'check-failed': "a check of the suite's own failed",
  leak: 'something was left behind',
  'host-touched': 'something outside the sandbox was changed',
  manual: 'what a person was to do is not done',
  interrupted: 'the run was stopped from outside',
  'harness-bug': 'clone-smoke itself failed',
} as const

export type VerdictClass = keyof typeof verdictClasses

export interface Verdict {
  readonly class: VerdictClass
  /** One sentence: what happened, with the values. */
  readonly diagnosis: string
  /** Files a person would open next, by paths in the workspace or whole ones. What is no log is kept among the logs, up to 1 MB. */
  readonly evidence: readonly string[]
  /** What to type or change next, where that is known. */
  readonly remedy?: string | undefined
  /** What went wrong, or was not done, only because of it; one sentence each, first things first. */
  readonly consequences?: readonly string[] | undefined
}

/** A failure whose cause is known. The first one thrown in a lane is the lane's verdict. */
export class VerdictError extends Error {
  override readonly name = 'VerdictError'
  readonly verdict: Verdict

  constructor(verdict: Verdict, options?: ErrorOptions) {
    super(describeVerdict(verdict), options)
    this.verdict = verdict
  }
}

/** Builds the error to throw; the shortest way to say why a lane fails. */
export function fail(
  verdictClass: VerdictClass,
  diagnosis: string,
  more: { evidence?: readonly string[]; remedy?: string | undefined; cause?: unknown } = {},
): VerdictError {
  return new VerdictError(
    { class: verdictClass, diagnosis, evidence: more.evidence ?? [], remedy: more.remedy },
    more.cause === undefined ? undefined : { cause: more.cause },
  )
}

/** The verdict with what followed from it; nothing is said twice. */
export function withConsequences(verdict: Verdict, more: readonly string[]): Verdict {
  const consequences = [...new Set([...(verdict.consequences ?? []), ...more])]
  return consequences.length === 0 ? verdict : { ...verdict, consequences }
}

/** The verdict of any thrown value: its own, or `fallback` with the error's message. */
export function verdictOf(error: unknown, fallback: VerdictClass = 'harness-bug'): Verdict {
  if (error instanceof VerdictError) return error.verdict
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { class: fallback, diagnosis: text, evidence: [] }
}

export function describeVerdict(verdict: Verdict): string {
  return [
    `${verdict.class}: ${verdict.diagnosis}`,
    ...verdict.evidence.map((path) => `  evidence: ${path}`),
    ...(verdict.remedy === undefined ? [] : [`  next: ${verdict.remedy}`]),
    ...(verdict.consequences ?? []).map((one) => `  so also: ${one}`),
  ].join('\n')
}
