import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { Tool } from '@modelcontextprotocol/sdk/types.js'
import { clientName } from '../harness/stack/probe.ts'

export { clientName, probeInitialize, type InitializeProbe } from '../harness/stack/probe.ts'

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
