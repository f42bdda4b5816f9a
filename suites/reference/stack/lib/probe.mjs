import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const initialize = JSON.stringify({
  jsonrpc: '2.0', id: 1, method: 'initialize',
  params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'reference-stack-probe', version: '1.0.0' } },
})

/** One JSON-RPC `initialize`. Says who answered, or what came instead; never throws. */
export async function probeProxy(url, timeoutMs) {
  try {
    const response = await fetch(url, {
      method: 'POST', body: initialize, signal: AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs))),
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    })
    const body = await response.text()
    const session = response.headers.get('mcp-session-id')
    if (session) await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': session }, signal: AbortSignal.timeout(2000) }).catch(() => undefined)
    const payload = /\{.*\}/s.exec(body)?.[0]
    const serverInfo = response.ok && payload ? JSON.parse(payload).result?.serverInfo : undefined
    return { serverInfo, detail: `HTTP ${response.status} ${body.replaceAll(/\s+/g, ' ').slice(0, 300)}` }
  } catch (error) {
    return { serverInfo: undefined, detail: error.cause?.code ?? error.cause?.message ?? error.message }
  }
}

/** Names of the tools that the proxy publishes now, sorted. */
export async function liveTools(url, timeoutMs = 10_000) {
  const client = new Client({ name: 'reference-stack-probe', version: '1.0.0' })
  const transport = new StreamableHTTPClientTransport(new URL(url))
  await client.connect(transport, { timeout: timeoutMs })
  try {
    const { tools } = await client.listTools({}, { timeout: timeoutMs })
    return tools.map(({ name }) => name).sort()
  } finally {
    await transport.terminateSession().catch(() => undefined)
    await client.close()
  }
}
