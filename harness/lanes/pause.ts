/** A lane stops here until a person has done what its agent would do. No failure: the run ends well, and can be gone on with. */
export class Paused extends Error {
  override readonly name = 'Paused'
  readonly stage: string
  /** Without the place, for whatever waits as well. */
  readonly short: string

  constructor(stage: string, where: string) {
    super(`paused before the agent session "${stage}"; ${where} says what to do`)
    this.stage = stage
    this.short = `paused before the agent session "${stage}"`
  }
}
