import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import type { WorkspacePaths } from '../../harness/sandbox/workspace-paths.ts'
import type { ReceivedCall } from '../../harness/suite.ts'

/** Where the reference stack keeps what it writes: all of it outside the clone. */
export function configHome(paths: WorkspacePaths): string {
  return join(paths.root, 'config-home')
}

export function stateHome(paths: WorkspacePaths): string {
  return join(configHome(paths), '.state')
}

export function pm2Home(paths: WorkspacePaths): string {
  return join(paths.root, 'pm2')
}

export const environmentFile = (paths: WorkspacePaths): string => join(configHome(paths), '.env')

export const overlayFile = (paths: WorkspacePaths): string => join(configHome(paths), 'servers.local.json')

export const intendedCatalogFile = (paths: WorkspacePaths): string => join(stateHome(paths), 'intended_catalog.json')

/** The files of the two repositories, which the sandbox turns into commits and clones. */
export const sourceFolder = (name: 'stack' | 'proxy'): string => fileURLToPath(new URL(name, import.meta.url))

const loggedCall = z.object({
  method: z.string(),
  tool: z.string().optional(),
  arguments: z.record(z.string(), z.unknown()).optional(),
  outcome: z.string(),
  error: z.string().optional(),
  answer: z.string().optional(),
  client: z.object({ name: z.string().optional() }).optional(),
})
export type LoggedRequest = z.infer<typeof loggedCall>

/** Every MCP request in the stack's own log, oldest first. */
export function readCallLog(paths: WorkspacePaths): LoggedRequest[] {
  const file = join(stateHome(paths), 'mcp-calls.ndjson')
  if (!existsSync(file)) return []
  return readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => loggedCall.parse(JSON.parse(line)))
}

export function receivedCalls(paths: WorkspacePaths): ReceivedCall[] {
  return readCallLog(paths)
    .filter((entry) => entry.method === 'tools/call')
    .map((entry) => ({
      tool: entry.tool ?? '', arguments: entry.arguments ?? {}, ok: entry.outcome === 'ok', client: entry.client?.name ?? 'unknown',
      ...(entry.error !== undefined && { error: entry.error }), ...(entry.answer !== undefined && { answer: entry.answer }),
    }))
}

/** Names of the tools that should be live. */
export function intendedTools(paths: WorkspacePaths): string[] {
  const parsed = z.union([z.array(z.string()), z.object({ tools: z.array(z.string()) })])
    .parse(JSON.parse(readFileSync(intendedCatalogFile(paths), 'utf8')))
  return (Array.isArray(parsed) ? parsed : parsed.tools).toSorted()
}
