import { join } from 'node:path'
import { resolveCodex } from './codex/binary.ts'
import { codexAgent } from './codex/codex.ts'
import { checkCodexSettings, copyCodexSettings, loginFile } from './codex/settings.ts'
import type { Agent } from './agent.ts'

/** The one place that knows which agents there are. Codex CLI is the first; another one is another branch here. */

/** The agent's program. @throws PrerequisiteError when there is none */
export function findAgent(asked: string | undefined): string {
  return resolveCodex(asked)
}

/** @throws UsageError when the folder (SMOKE_AGENT_HOME) holds no settings of the agent */
export function checkAgentSettings(home: string): void {
  checkCodexSettings(home)
}

/** Gives the sandbox's agent the settings of another home of it, without its login. */
export function copyAgentSettings(from: string, to: string): void {
  copyCodexSettings(from, to)
}

/** The files of an agent's home that hold its login: nothing in them may be written down. */
export function agentLogins(home: string): string[] {
  return [join(home, loginFile)]
}

/** Asks the program what it can do, and returns the agent. @throws VerdictError of class agent-protocol */
export function createAgent(file: string, env: Readonly<Record<string, string>>): Promise<Agent> {
  return codexAgent({ file, env })
}
