import { defineSuite, type Nothing } from '../../harness/suite.ts'

/** Facts that hold while the stack runs. */
export interface Up {
  readonly stelae: string
  readonly proxy: string
  readonly clientRepository: string
  readonly proxyUrl: string
  /** Names of the live tools when the stack had started. */
  readonly tools: readonly string[]
  /** Servers in the rendered proxy configuration at that time. */
  readonly servers: readonly string[]
  /** What this checkout's restart script is called with. */
  readonly restartFlags: readonly string[]
}

/** The stack runs, and one more server is installed under an alias, or would be in a dry run. */
export interface Installed extends Up {
  readonly alias: string
}

export interface StelaeStates {
  readonly nothing: Nothing
  readonly up: Up
  readonly installed: Installed
}

export const { lane, suite } = defineSuite<StelaeStates>()

/**
 * The server that the agent installs and removes, by the names of Stelae's own harness: mcp-server-qdrant where its model
 * can be had, else a small server of ours in its place.
 */
export const serverToInstall = { name: 'qdrant', alias: 'qdrant_smoke', store: 'qdrant-store', find: 'qdrant-find' } as const

/** A bundle server that a dry run asks to remove: what a dry run "installed" is not there to be removed. */
export const serverToPretendRemoving = 'fetch'
