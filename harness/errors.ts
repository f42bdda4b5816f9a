/** Ends the program before anything is made: a sentence, what to do next, and an exit code; no stack trace. */
export abstract class Refusal extends Error {
  abstract readonly exitCode: number
  /** What happened, without the remedy. */
  readonly what: string
  readonly remedy: string

  /** @param remedy what to type or change next */
  constructor(what: string, remedy: string) {
    super(`${what}\n  next: ${remedy}`)
    this.what = what
    this.remedy = remedy
  }
}

/** Bad input: nothing was touched. */
export class UsageError extends Refusal {
  override readonly name = 'UsageError'
  readonly exitCode = 2
}

/** Something the run needs is not on this machine; nothing was touched. The remedy is the command that brings it. */
export class PrerequisiteError extends Refusal {
  override readonly name = 'PrerequisiteError'
  readonly exitCode = 3
}
