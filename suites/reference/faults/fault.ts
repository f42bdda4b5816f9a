import type { ChildRun } from '../../../harness/testing/child-run.ts'
import type { VerdictClass } from '../../../harness/verdict.ts'
import type { FaultKit } from './kit.ts'

/** Something that really went wrong with such stacks, made to happen on purpose. */
export interface Fault {
  readonly id: string
  /** What happened then, in one or two sentences. */
  readonly incident: string
  /** What to run: file filters of vitest. No more lanes than it takes to see the fault. */
  readonly filters: readonly string[]
  /** Makes it happen; returns the environment of the run. */
  readonly inject: (kit: FaultKit) => Promise<Record<string, string>>
  /** A run before the faulty one, and what happens between the two. */
  readonly earlier?: Earlier
  readonly outcome: Red | Survived | Refused
}

export interface Earlier {
  readonly filters: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Gets what `inject` got, after that run has passed. */
  readonly then: (kit: FaultKit) => Promise<void>
}

/** Words that must be said. */
type Words = readonly (string | RegExp)[]

/** One lane turns red, and no other. `teardown`: all lanes pass, and the run fails all the same. */
export interface Red {
  readonly is: 'red'
  readonly lane: string
  readonly verdict: VerdictClass
  /** In the diagnosis. */
  readonly words: Words
}

/** The run stays green, for it is isolated from the fault or mends it. */
export interface Survived {
  readonly is: 'survived'
  readonly proves: string
  /** In what the run printed. */
  readonly words: Words
  /** What else must hold; a sentence when it does not. */
  readonly check?: (directory: string, run: ChildRun) => string | undefined
}

/** Nothing is made: the run says at once why it cannot go on. */
export interface Refused {
  readonly is: 'refused'
  readonly exitCode: 2 | 3
  /** In what the run printed. */
  readonly words: Words
}
