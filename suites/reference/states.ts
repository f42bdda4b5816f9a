import { defineSuite, type Nothing } from '../../harness/suite.ts'

/** Facts that hold while the stack runs. */
export interface Up {
  readonly stack: string
  readonly proxy: string
  readonly clientRepository: string
  readonly proxyUrl: string
  /** Names of the live tools when the stack had started. */
  readonly tools: readonly string[]
  /** Text of the overlay file at that time. */
  readonly overlay: string
}

/** The stack runs, and one more server is installed under an alias. */
export interface Installed extends Up {
  readonly alias: string
}

export interface ReferenceStates {
  readonly nothing: Nothing
  readonly up: Up
  readonly installed: Installed
}

export const { lane, suite } = defineSuite<ReferenceStates>()

/** The server that the agent installs and removes: real, from npm, and not in the starter bundle. */
export const serverToInstall = { name: 'everything', alias: 'everything_smoke' } as const
