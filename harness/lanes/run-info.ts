import type { Options } from '../options/resolve.ts'
import type { Marker } from '../sandbox/marker.ts'

/** What the main process tells the worker about the run. Plain data: it crosses a process border. */
export interface RunInfo {
  readonly run: string
  /** The folder that holds `suites/`. */
  readonly project: string
  readonly sandboxId: string
  readonly workspace: string
  readonly results: string
  readonly options: Options
  readonly ports: Readonly<Record<string, number>>
  readonly agentFile: string
  /** Lane names in declared order. */
  readonly lanes: readonly string[]
  /** Where the run goes on with the workspace of an earlier one. */
  readonly resumed?: {
    readonly run: string
    readonly lanes: Marker['lanes']
    readonly sources: Marker['sources']
    /** Lanes that need not run again. */
    readonly done: readonly string[]
    /** The stack was left running. */
    readonly alive: boolean
  }
  /** Lanes that were asked for; the others run only where a selected one needs their state. */
  readonly selected: readonly string[]
}

declare module 'vitest' {
  export interface ProvidedContext {
    smokeRun: RunInfo
  }
}
