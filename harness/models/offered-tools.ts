import { z } from 'zod'
import type { ToolName } from './responses.ts'

/** The tools one request offers the model, whichever way this version of the agent writes them. */
export interface OfferedTools {
  /** MCP tools as `server/tool`, in the order offered. */
  readonly names: readonly string[]
  /** What to call a tool in a function call; undefined when it is not offered. */
  readonly find: (server: string, tool: string) => ToolName | undefined
  /** What a call of a tool that is not offered would look like, in the style of those that are. */
  readonly guess: (server: string, tool: string) => ToolName
  /** Why the MCP tools cannot be seen in this request, when that is so. */
  readonly hidden: string | undefined
}

interface OfferedTool {
  readonly server: string
  readonly tool: string
  readonly call: ToolName
}

const entry = z.looseObject({ type: z.string().optional(), name: z.string().optional(), tools: z.array(z.looseObject({ name: z.string() })).optional() })

/**
 * Reads a request body's `tools`. Codex wrote flat names `mcp__server__tool` up to 0.118, namespaces `mcp__server__`
 * from 0.121 and `mcp__server` from 0.135; a call must copy the form literally.
 * @param servers names of the servers under test; they settle where a flat name's server ends
 */
export function readOfferedTools(body: Readonly<Record<string, unknown>>, servers: readonly string[]): OfferedTools {
  const entries = (Array.isArray(body.tools) ? body.tools : []).flatMap((tool: unknown) => {
    const parsed = entry.safeParse(tool)
    return parsed.success ? [parsed.data] : []
  })
  const offered = entries.flatMap(({ type, name = '', tools = [] }): OfferedTool[] => {
    if (!name.startsWith('mcp__')) return []
    const rest = name.slice('mcp__'.length)
    if (type === 'namespace') {
      const server = nameOf(rest.replace(/__$/, ''), servers)
      return tools.map((tool) => ({ server, tool: tool.name, call: { namespace: name, name: tool.name } }))
    }
    const known = servers.filter((server) => rest.startsWith(`${sameName(server)}__`)).sort((a, b) => b.length - a.length)[0]
    const end = known === undefined ? rest.indexOf('__') : known.length
    return end < 1 ? [] : [{ server: known ?? rest.slice(0, end), tool: rest.slice(end + 2), call: { name } }]
  })
  const find = (server: string, tool: string): ToolName | undefined =>
    offered.find((one) => one.server === server && one.tool === tool)?.call
    ?? offered.find((one) => one.server === server && sameName(one.tool) === sameName(tool))?.call
  return {
    names: offered.map(({ server, tool }) => `${server}/${tool}`),
    find,
    guess: (server, tool) => guessName(server, tool, offered, entries),
    hidden: whyHidden(body, entries),
  }
}

/** Codex writes `_` for every character that a tool name must not have. */
const sameName = (name: string): string => name.replace(/[^A-Za-z0-9_]/g, '_')

const nameOf = (written: string, servers: readonly string[]): string =>
  servers.find((server) => server === written) ?? servers.find((server) => sameName(server) === sameName(written)) ?? written

function guessName(server: string, tool: string, offered: readonly OfferedTool[], entries: readonly z.infer<typeof entry>[]): ToolName {
  const sibling = offered.find((one) => one.server === server && one.call.namespace !== undefined)
  if (sibling?.call.namespace !== undefined) return { namespace: sibling.call.namespace, name: tool }
  const other = offered.find(({ call }) => call.namespace !== undefined)?.call.namespace
  if (other !== undefined) return { namespace: `mcp__${server}${other.endsWith('__') ? '__' : ''}`, name: tool }
  const namespaced = offered.length === 0 && entries.some(({ type }) => type === 'namespace' || type === 'tool_search')
  return namespaced ? { namespace: `mcp__${server}`, name: tool } : { name: `mcp__${server}__${tool}` }
}

/** With a model of its own catalog Codex may keep MCP tools out of `tools`. */
function whyHidden(body: Readonly<Record<string, unknown>>, entries: readonly z.infer<typeof entry>[]): string | undefined {
  const remedy = 'use a model whose catalog entry has supports_search_tool false and no tool_mode'
  if (entries.some(({ type }) => type === 'tool_search')) return `the agent offers its MCP tools only through tool_search; ${remedy}`
  const input = Array.isArray(body.input) ? body.input : []
  const additional = input.some((item: unknown) => typeof item === 'object' && item !== null && 'type' in item && item.type === 'additional_tools')
  return additional ? `the agent offers its tools only to code it runs itself (additional_tools); ${remedy}` : undefined
}
