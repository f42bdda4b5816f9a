import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'

/** How long a server may take to start and list its tools, in milliseconds. */
const startTimeoutMs = 30_000

/** When a server that is to end is told so with a signal, in milliseconds: the proxy itself has only a few seconds. */
const endings = { SIGTERM: 300, SIGKILL: 1000 }

/**
 * Starts one stdio server. Its `state` goes from `starting` to `ready` or `failed`, later perhaps to `ended`; it never
 * throws. `onEnd` is called when a server that was ready ends by itself.
 */
export function startServer(name, { command, args = [], env = {}, cwd }, { log, onEnd }) {
  const client = new Client({ name: 'reference-proxy', version: '1.0.0' })
  const server = { name, client, state: 'starting', tools: [], error: undefined, started: undefined }
  const giveUp = (state, error) => {
    if (server.state === 'closed') return
    Object.assign(server, { state, error, tools: [] })
    log(`server ${name} ${state}: ${error}`)
  }
  const transport = new StdioClientTransport({ command, args, env: { ...process.env, ...env }, cwd, stderr: 'inherit' })
  server.started = (async () => {
    await client.connect(transport, { timeout: startTimeoutMs })
    const { tools } = await client.listTools({}, { timeout: startTimeoutMs })
    if (server.state === 'closed') return
    Object.assign(server, { state: 'ready', tools })
    client.onclose = () => {
      giveUp('ended', 'it ended by itself; what it said is in the log of the proxy')
      onEnd()
    }
    log(`server ${name} is ready with ${tools.length} tools`)
  })().catch(async (error) => {
    giveUp('failed', `${error.message} (command: ${[command, ...args].join(' ')})`)
    await end(client, transport.pid)
  })
  server.close = async () => {
    server.state = 'closed'
    await end(client, transport.pid)
  }
  return server
}

/** Closes a server's input, and ends the server if it does not end by itself. */
async function end(client, pid) {
  const timers = Object.entries(endings).map(([signal, ms]) => setTimeout(() => {
    try {
      if (pid) process.kill(pid, signal)
    } catch {
      // It has just ended.
    }
  }, ms))
  await client.close().catch(() => undefined)
  timers.forEach(clearTimeout)
}
