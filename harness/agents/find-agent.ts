import { resolveCodex } from './codex/binary.ts'
import { codexAgent } from './codex/codex.ts'
import type { Agent } from './agent.ts'

/** The one place that knows which agents there are. Codex CLI is the first; another one is another branch here. */

/** The agent's program. @throws PrerequisiteError when there is none */
export function findAgent(asked: string | undefined): string {
  return resolveCodex(asked)
}

/** Asks the program what it can do, and returns the agent. @throws VerdictError of class agent-protocol */
export function createAgent(file: string, env: Readonly<Record<string, string>>): Promise<Agent> {
  return codexAgent({ file, env })
}
