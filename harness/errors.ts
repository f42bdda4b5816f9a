/** Bad input: nothing was touched. Ends the program with exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly exitCode = 2

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

/** Something the run needs is not on this machine; nothing was touched. Ends the program with exit code 3. */
export class PrerequisiteError extends Error {
  override readonly name = 'PrerequisiteError'
  readonly exitCode = 3

  /** What is missing, without the remedy. */
  readonly what: string
  readonly remedy: string

  /** @param remedy the command that brings it */
  constructor(what: string, remedy: string) {
    super(`${what}\n  next: ${remedy}`)
    this.what = what
    this.remedy = remedy
  }
}
