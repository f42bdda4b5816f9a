import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

/** How long a server may take to start and list its tools, in milliseconds. */
const startTimeoutMs = 15_000

/** Starts one stdio server. Its `state` goes from `starting` to `ready` or `failed`; it never throws. */
export function startServer(name, { command, args = [], env = {}, cwd }, log) {
  const client = new Client({ name: 'reference-proxy', version: '1.0.0' })
  const server = { name, client, state: 'starting', tools: [], error: undefined, started: undefined }
  const fail = (error) => {
    if (server.state === 'closed') return
    server.state = 'failed'
    server.error = error.message
    server.tools = []
    log(`server ${name} failed: ${error.message}`)
  }
  server.started = (async () => {
    const transport = new StdioClientTransport({ command, args, env: { ...process.env, ...env }, cwd, stderr: 'inherit' })
    await client.connect(transport, { timeout: startTimeoutMs })
    const { tools } = await client.listTools({}, { timeout: startTimeoutMs })
    server.tools = tools
    server.state = 'ready'
    client.onclose = () => fail(new Error('it ended'))
    log(`server ${name} is ready with ${tools.length} tools`)
  })().catch(async (error) => {
    fail(error)
    await client.close().catch(() => undefined)
  })
  server.close = async () => {
    server.state = 'closed'
    await client.close().catch(() => undefined)
  }
  return server
}
