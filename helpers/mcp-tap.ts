import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { McpWiring } from '../harness/agents/agent.ts'
import type { ReceivedCall } from '../harness/suite.ts'

const entry = z.object({
  client: z.string(),
  method: z.string(),
  outcome: z.enum(['ok', 'error']),
  tool: z.string().optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  error: z.string().optional(),
  answer: z.string().optional(),
  tools: z.array(z.string()).optional(),
})
export type TapEntry = z.infer<typeof entry>

/**
 * The same stdio server, with a tap before it: what it received and answered is written to `log`, by a process that
 * belongs neither to the agent nor to the server. For systems that keep no log of their calls.
 */
export function tapped(wiring: Extract<McpWiring, { transport: 'stdio' }>, log: string): McpWiring {
  const tap = fileURLToPath(new URL('mcp-tap.mjs', import.meta.url))
  return { ...wiring, command: process.execPath, args: [tap, log, wiring.command, ...wiring.args] }
}

/** What a tap has written so far, oldest first; nothing when there is no log. A line that is still being written is left out. */
export function readTap(log: string): TapEntry[] {
  if (!existsSync(log)) return []
  return readFileSync(log, 'utf8').split('\n').slice(0, -1).map((line) => entry.parse(JSON.parse(line)))
}

/** The tool calls in a tap's log, as `AgentWiring.receivedCalls` wants them. */
export function tappedCalls(log: string): ReceivedCall[] {
  return readTap(log).filter(({ method }) => method === 'tools/call').map((call) => ({
    tool: call.tool ?? '', arguments: call.arguments ?? {}, ok: call.outcome === 'ok', client: call.client,
    ...(call.error !== undefined && { error: call.error }), ...(call.answer !== undefined && { answer: call.answer }),
  }))
}
