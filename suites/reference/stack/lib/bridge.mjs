import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, CallToolResultSchema, ListToolsRequestSchema, ListToolsResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { asToolResult, manageStack } from './manage-stack.mjs'

/** How long the proxy may be away, in milliseconds. */
const reconnectMs = 20_000

/**
 * Serves an agent on stdio and hands its requests to the proxy. The session with the agent outlives any number of
 * proxy sessions; `manage_stack` runs here, so that the restart it causes cannot cut its own answer.
 */
export async function runBridge(places) {
  mkdirSync(places.stateHome, { recursive: true })
  const say = (line) => appendFileSync(join(places.stateHome, 'bridge.log'), `${new Date().toISOString()} ${line}\n`)
  const server = new Server({ name: 'reference-stack', version: '1.0.0' }, { capabilities: { tools: {} } })
  const upstream = upstreamOf(places.url, () => server.getClientVersion(), say)

  server.setRequestHandler(ListToolsRequestSchema, ({ params }, { signal }) =>
    upstream.request({ method: 'tools/list', params }, ListToolsResultSchema, signal))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    if (params.name !== 'manage_stack') return upstream.request({ method: 'tools/call', params }, CallToolResultSchema, signal)
    const startedAt = performance.now()
    const answer = await manageStack(params.arguments ?? {}, places, say)
    appendFileSync(places.callLog, `${JSON.stringify({
      at: new Date().toISOString(), by: 'bridge', method: 'tools/call', client: server.getClientVersion(),
      tool: params.name, arguments: params.arguments ?? {},
      outcome: answer.status === 'ok' ? 'ok' : 'tool-error', ...(answer.status !== 'ok' && { error: answer.message }),
      durationMs: Math.round(performance.now() - startedAt),
    })}\n`)
    return asToolResult(answer)
  })

  const closed = new Promise((resolve) => {
    server.onclose = resolve
    process.stdin.once('end', resolve)
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, resolve)
  })
  await server.connect(new StdioServerTransport())
  await closed
  await upstream.close()
  process.exit(0)
}

function upstreamOf(url, clientInfo, say) {
  let session

  const open = async () => {
    const client = new Client(clientInfo() ?? { name: 'reference-bridge', version: '1.0.0' })
    const transport = new StreamableHTTPClientTransport(new URL(url))
    await client.connect(transport, { timeout: 5000 })
    return { client, transport }
  }
  const close = async (old) => {
    await old?.then(async ({ client, transport }) => {
      await Promise.race([transport.terminateSession(), delay(500)]).catch(() => undefined)
      await client.close()
    }).catch(() => undefined)
  }

  return {
    /** Only what cannot have reached the proxy is sent again: a refused connection, or a session it no longer knows. */
    request: async (request, schema, signal) => {
      const deadline = performance.now() + reconnectMs
      for (;;) {
        const current = (session ??= open())
        try {
          const { client } = await current
          return await client.request(request, schema, { signal, timeout: 300_000 })
        } catch (error) {
          if (!mayBeSentAgain(request, error) || performance.now() > deadline) throw error
          say(`${request.method}: ${reasonOf(error)}; connecting again`)
          if (session === current) session = undefined
          await close(current)
          await delay(100)
        }
      }
    },
    close: () => close(session),
  }
}

const reasonOf = (error) => error.cause?.code ?? error.message

/** A call whose connection broke under way may have been carried out: only a list may be asked for twice. */
const mayBeSentAgain = (request, error) =>
  error.cause?.code === 'ECONNREFUSED' || error.code === 404 || error.code === 503 || /Session not found|HTTP 50[23]|HTTP 404/.test(error.message)
  || (request.method === 'tools/list' && error.cause?.code === 'UND_ERR_SOCKET')
