import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { McpError, ResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { asToolResult, manageStack } from './manage-stack.mjs'

/** How long the proxy may be away, a session may take to open, a call to be answered, and a goodbye; in milliseconds. */
const limits = { away: 20_000, open: 5000, call: 300_000, goodbye: 300 }

/**
 * Serves an agent on stdio and hands its requests to the proxy. The session with the agent outlives any number of
 * proxy sessions; `manage_stack` runs here, so that the restart it causes cannot cut its own answer.
 */
export async function runBridge(places) {
  mkdirSync(places.stateHome, { recursive: true })
  const session = randomUUID()
  const say = (line) => {
    appendFileSync(join(places.stateHome, 'bridge.log'), `${new Date().toISOString()} ${session.slice(0, 8)} ${line}\n`)
    process.stderr.write(`[bridge] ${line}\n`)
  }
  const server = new Server({ name: 'reference-stack', version: '1.0.0' }, { capabilities: { tools: {} } })
  const upstream = upstreamOf(places.url, () => server.getClientVersion(), say)

  // Not setRequestHandler: that would parse results of calls, and a bridge hands them on as they are.
  server.fallbackRequestHandler = async ({ method, params }, { signal }) => {
    if (method !== 'tools/call' || params?.name !== 'manage_stack') return upstream.request({ method, params }, signal)
    const startedAt = performance.now()
    const answer = await manageStack(params.arguments ?? {}, places, say)
    appendFileSync(places.callLog, `${JSON.stringify({
      at: new Date().toISOString(), by: 'bridge', client: server.getClientVersion(), session, method,
      tool: params.name, arguments: params.arguments ?? {},
      outcome: answer.status === 'ok' ? 'ok' : 'tool-error', ...(answer.status !== 'ok' && { error: answer.message }),
      answer: JSON.stringify(answer).slice(0, 16_000),
      durationMs: Math.round(performance.now() - startedAt),
    })}\n`)
    return asToolResult(answer)
  }

  // The agent may be gone before the bridge writes: then there is nobody left to serve.
  const closed = new Promise((resolve) => {
    server.onclose = resolve
    process.stdin.once('end', resolve)
    process.stdout.once('error', resolve)
    process.stderr.on('error', () => undefined)
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, resolve)
  })
  await server.connect(new StdioServerTransport())
  await closed
  await Promise.race([upstream.close(), delay(limits.goodbye)])
  process.exit(0)
}

/** The bridge's side of the proxy: one session, opened when it is needed, and opened anew when the proxy was restarted. */
function upstreamOf(url, clientInfo, say) {
  let session

  const open = async () => {
    const client = new Client(clientInfo() ?? { name: 'reference-bridge', version: '1.0.0' })
    const transport = new StreamableHTTPClientTransport(new URL(url))
    try {
      await client.connect(transport, { timeout: limits.open })
    } catch (error) {
      // Nothing was asked yet, so whatever went wrong here may be tried again.
      throw Object.assign(error, { isOpening: true })
    }
    return { client, transport }
  }
  const close = (old) => old?.then(async ({ client, transport }) => {
    await Promise.race([transport.terminateSession().catch(() => undefined), delay(500)])
    await client.close()
  }).catch(() => undefined)

  return {
    async request(request, signal) {
      const deadline = performance.now() + limits.away
      let said
      for (;;) {
        const current = (session ??= open())
        try {
          const { client } = await current
          const timeout = request.method === 'tools/call' ? limits.call : Math.max(1000, deadline - performance.now())
          return await client.request(request, ResultSchema, { signal, timeout })
        } catch (error) {
          if (session === current && (error.isOpening || !(error instanceof McpError))) session = undefined
          if (!mayBeSentAgain(request, error) || performance.now() > deadline) throw forAgent(request, error, url)
          if (said !== reasonOf(error)) say(`${request.method}: ${said = reasonOf(error)}; connecting again`)
          void close(current)
          await delay(100, undefined, { signal })
        }
      }
    },
    close: () => close(session),
  }
}

/** A call whose connection broke under way may have been carried out: only what was not sent, or changes nothing, is sent again. */
const mayBeSentAgain = (request, error) =>
  error.isOpening || error.cause?.code === 'ECONNREFUSED' || error.code === 404 || error.code === 503
  || (request.method !== 'tools/call' && isBroken(error))

/** `fetch` failed under way; an McpError is an answer, or the time-out of one. */
const isBroken = (error) => error instanceof TypeError

const reasonOf = (error) => error.cause?.code ?? error.cause?.message ?? error.message.replace('Streamable HTTP error: Error POSTing to endpoint:', `HTTP ${error.code}`)

/** An error of the proxy as it came, without the prefix that the SDK adds; any other with what to do. */
function forAgent(request, error, url) {
  const name = request.params?.name ?? request.method
  if (error instanceof McpError && !error.isOpening) {
    return Object.assign(new Error(error.message.replace(/^(MCP error -?\d+: )+/, '')), { code: error.code, data: error.data })
  }
  if (mayBeSentAgain(request, error)) {
    return new Error(`the proxy at ${url} does not answer since ${limits.away / 1000} s, so ${name} was not called; last: ${reasonOf(error)}. Run node scripts/restart-stack.mjs`)
  }
  if (isBroken(error)) {
    return new Error(`the proxy at ${url} went away while ${name} ran (${reasonOf(error)}); whether it was carried out is not known: check, then call it again`)
  }
  return new Error(`the proxy at ${url} refused ${name}: ${reasonOf(error)}`)
}
