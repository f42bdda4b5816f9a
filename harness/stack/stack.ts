import type { ProcessInfo } from '../processes/table.ts'

/** What is to be looked at when the stack does not start, falls silent or takes too long. All paths inside the workspace. */
export interface StackDescription {
  /** Globs relative to the workspace (tinyglobby); files with a leading dot count too. */
  readonly logs: readonly string[]
  readonly pm2Home?: string
  /** pm2's bin file, run with process.execPath; without it the table is read from pm2's files only. */
  readonly pm2Program?: string
  /** Name -> MCP url, probed with JSON-RPC `initialize`. */
  readonly endpoints: Readonly<Record<string, string>>
}

/** The sandbox as far as a restart or a diagnosis needs it. */
export interface SandboxView {
  readonly root: string
  /** What the suite's processes were given. */
  readonly env: Readonly<Record<string, string>>
  readonly ports: Readonly<Record<string, number>>
  /** The living processes of the sandbox. */
  readonly processes: () => readonly ProcessInfo[]
}
