import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Tool } from '@modelcontextprotocol/sdk/types.js'

/** How clone-smoke introduces itself, so that its own calls can be told from the agent's in a server's log. */
export const clientName = 'clone-smoke'

/**
 * Opens an MCP session over Streamable HTTP, does the work, and closes it.
 * @param timeoutMs bound of each request in milliseconds
 */
export async function withMcpClient<T>(url: string, work: (client: Client) => Promise<T>, timeoutMs = 10_000): Promise<T> {
  const client = new Client({ name: clientName, version: '1' })
  const transport = new StreamableHTTPClientTransport(new URL(url))
  // The SDK's own Transport type forbids explicit undefined, its class has it.
  await client.connect(transport, { timeout: timeoutMs })
  try {
    return await work(client)
  } finally {
    await transport.terminateSession().catch(() => undefined)
    await client.close()
  }
}

/** The tools that a live server publishes, sorted by name. */
export async function listTools(url: string): Promise<Tool[]> {
  const tools = await withMcpClient(url, async (client) => {
    const all: Tool[] = []
    let cursor: string | undefined
    do {
      const page = await client.listTools(cursor === undefined ? {} : { cursor })
      all.push(...page.tools)
      cursor = page.nextCursor
    } while (cursor !== undefined)
    return all
  })
  return tools.sort((a, b) => a.name.localeCompare(b.name))
}

export interface InitializeProbe {
  readonly ok: boolean
  /** What the server calls itself. */
  readonly serverName?: string
  /** HTTP status and the start of the body, or the connection error. */
  readonly detail: string
}

/** Sends one JSON-RPC `initialize` and says what came back; never throws. */
export async function probeInitialize(url: string, timeoutMs: number): Promise<InitializeProbe> {
  try {
    const response = await fetch(url, {
      method: 'POST', signal: AbortSignal.timeout(timeoutMs),
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0', id: 1, method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: clientName, version: '1' } },
      }),
    })
    const body = await response.text()
    const session = response.headers.get('mcp-session-id')
    if (session !== null) {
      await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': session }, signal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined)
    }
    const serverName = /"serverInfo"\s*:\s*\{[^}]*"name"\s*:\s*"([^"]*)"/.exec(body)?.[1]
    const detail = `HTTP ${response.status} ${body.replaceAll(/\s+/g, ' ').slice(0, 300)}`
    return serverName === undefined ? { ok: false, detail } : { ok: response.ok, serverName, detail }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
    return { ok: false, detail: `${error instanceof Error ? error.message : String(error)}${cause}` }
  }
}
