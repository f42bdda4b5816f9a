import { defineSuite, type Nothing } from '../../harness/suite.ts'
import type { Capabilities } from './capabilities.ts'

/** Facts that hold once AO is built: what it is, and what it can. */
export interface Built {
  readonly binary: string
  /** The commit it was built from, where it says so. */
  readonly commit?: string
  readonly can: Capabilities
  /** A real zellij that is good enough. */
  readonly zellij?: string
}

export interface AoStates {
  readonly nothing: Nothing
  readonly built: Built
}

export const { lane, suite } = defineSuite<AoStates>()

/** Each lane's daemon has a port of its own, reserved under this name. */
export const daemonPorts = ['daemon', 'projects', 'spawn', 'orchestrators', 'send', 'scm-observer', 'scm-failures', 'hooks', 'pr-claim', 'reaper', 'cdc', 'http-api', 'verify-clean', 'stranger'] as const
