import { existsSync, readFileSync } from 'node:fs'
import { waitFor } from '../../helpers/wait-for.ts'

/** What a recording stand-in for an agent wrote down. */
interface AgentEvent {
  readonly at: number
  readonly agent: string
  readonly pid: number
  /** AO_SESSION_ID of its environment. */
  readonly session: string
  readonly event: 'started' | 'line' | 'hook' | 'signal' | 'end-of-input'
  readonly argv?: readonly string[]
  readonly cwd?: string
  readonly env?: Readonly<Record<string, string>>
  readonly text?: string
  readonly status?: number
  readonly signal?: string
}

/** Harness of AO -> program that it starts; the eight of the runbook's registry check (3.3). */
export const harnessPrograms = {
  'claude-code': 'claude', codex: 'codex', opencode: 'opencode', grok: 'grok', cursor: 'cursor-agent', qwen: 'qwen', copilot: 'copilot', kimi: 'kimi',
} as const

/** All that the stand-ins of a daemon wrote, oldest first. */
export function agentEvents(log: string): AgentEvent[] {
  if (!existsSync(log)) return []
  return readFileSync(log, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as AgentEvent)
}

/** Waits for the first event that `fits`; undefined when none comes. Milliseconds: 15000 by default, for an agent that starts on a busy machine. */
export async function agentEvent(log: string, fits: (event: AgentEvent) => boolean, deadlineMs = 15_000): Promise<AgentEvent | undefined> {
  return waitFor(() => agentEvents(log).find(fits), { deadlineMs, otherwise: () => new Error('no such event') }).catch(() => undefined)
}
