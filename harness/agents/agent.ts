import type { ProcessHost } from '../processes/process.ts'
import type { VerdictClass } from '../verdict.ts'

/** How the agent reaches one MCP server. */
export type McpWiring =
  | { readonly transport: 'stdio'; readonly command: string; readonly args: readonly string[]; readonly env: Readonly<Record<string, string>> }
  | { readonly transport: 'http'; readonly url: string }

/** Where the agent sends its model requests. */
export interface ModelEndpoint {
  readonly name: string
  readonly baseUrl: string
  readonly apiKey: string
}

/** One agent session: what a stage asks for. */
export interface AgentSession {
  readonly stage: string
  readonly prompt: string
  /** The client repository: the agent's working tree. */
  readonly cwd: string
  /** The agent's own home (CODEX_HOME and the like), inside the sandbox. */
  readonly home: string
  readonly env: Readonly<Record<string, string>>
  /** Servers under test by name: all required, their calls approved. */
  readonly servers: Readonly<Record<string, McpWiring>>
  readonly model: ModelEndpoint
  readonly transcript: string
  readonly stderr: string
  /** Milliseconds for the whole session. */
  readonly deadlineMs: number
  readonly signal?: AbortSignal | undefined
}

/** A tool call as the agent tells it. `abandoned`: started, never completed. */
export interface ObservedCall {
  readonly server: string
  readonly tool: string
  readonly arguments: unknown
  readonly status: 'completed' | 'failed' | 'abandoned'
  readonly result?: unknown
  readonly error?: string
}

export interface AgentOutcome {
  readonly end: 'completed' | 'failed' | 'interrupted' | 'silent' | 'deadline'
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly durationMs: number
  readonly calls: readonly ObservedCall[]
  /** Calls of tools that the agent did not know; they leave no trace in a transcript. */
  readonly unknownTools: readonly string[]
  readonly usage: Readonly<Record<string, number>>
  readonly messages: readonly string[]
  /** Messages, and calls by their index in `calls`, in the order they came. */
  readonly conversation?: readonly (string | number)[]
  /** Why the session is no success, when the agent itself shows it. */
  readonly problem?: { readonly class: VerdictClass; readonly diagnosis: string; readonly remedy?: string }
}

/** A program that acts as the user. Codex CLI is the first; others are plugins. */
export interface Agent {
  readonly name: string
  readonly version: string
  readonly file: string
  run(session: AgentSession, host: ProcessHost): Promise<AgentOutcome>
  /** The command line with which a person plays the same session with a login and a model of their own. */
  commandForPerson(session: Pick<AgentSession, 'prompt' | 'cwd' | 'servers' | 'deadlineMs'>): readonly string[]
}
