import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { CallToolRequestSchema, CallToolResultSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { buildCatalog } from './lib/catalog.mjs'
import { logged, openCallLog } from './lib/call-log.mjs'
import { startServer } from './lib/downstream.mjs'

const configFile = process.env.PROXY_CONFIG ?? process.argv[2]
if (!configFile) {
  console.error('proxy: no configuration; set PROXY_CONFIG or give the path of a rendered proxy.json')
  process.exit(2)
}
const config = JSON.parse(readFileSync(configFile, 'utf8'))
const print = (line) => console.log(`[proxy] ${line}`)
const log = openCallLog(config.callLog)
const servers = Object.entries(config.servers).map(([name, descriptor]) => startServer(name, descriptor, print))
const sessions = new Map()
let catalog

const allStarted = Promise.all(servers.map(({ started }) => started)).then(() => {
  catalog = buildCatalog(config, servers)
  print(`publishing ${catalog.size} tools: ${[...catalog.keys()].sort().join(', ')}`)
})

function newSession() {
  const server = new Server({ name: config.name, version: config.revision }, { capabilities: { tools: {} } })
  const who = (extra) => ({ client: server.getClientVersion(), session: extra.sessionId })
  server.oninitialized = () => log({ method: 'initialize', client: server.getClientVersion(), session: transport.sessionId, outcome: 'ok', durationMs: 0 })
  server.setRequestHandler(ListToolsRequestSchema, (_, extra) =>
    logged(log, { method: 'tools/list', ...who(extra) }, async () => ({ tools: [...catalog.values()].map(({ tool }) => tool) })))
  server.setRequestHandler(CallToolRequestSchema, ({ params }, extra) =>
    logged(log, { method: 'tools/call', ...who(extra), tool: params.name, arguments: params.arguments ?? {} }, async () => {
      const published = catalog.get(params.name)
      if (!published) throw new Error(`there is no tool ${params.name}`)
      const target = published.route(params.arguments)
      // The plain request: the client's own callTool would judge the payload, and a proxy hands it on as it is.
      return target.server.client.request(
        { method: 'tools/call', params: { name: target.tool, arguments: target.arguments ?? params.arguments } },
        CallToolResultSchema, { signal: extra.signal, timeout: 300_000 },
      )
    }))
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  })
  return server.connect(transport).then(() => transport)
}

const reply = (response, status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))

async function handle(request, response) {
  const { pathname } = new URL(request.url, 'http://localhost')
  if (pathname === '/.well-known/mcp/manifest.json') {
    reply(response, 200, {
      name: config.name, revision: config.revision,
      servers: servers.map(({ name, state, tools, error }) => ({ name, state, tools: tools.length, error })),
      tools: [...(catalog?.keys() ?? [])].sort(),
    })
    return
  }
  if (pathname !== '/mcp') return void reply(response, 404, { error: `no such path: ${pathname}` })
  if (!catalog) {
    const waiting = servers.filter(({ state }) => state === 'starting').map(({ name }) => name)
    return void reply(response, 503, { error: 'starting', waitingFor: waiting })
  }
  const id = request.headers['mcp-session-id']
  if (id !== undefined && !sessions.has(id)) {
    return void reply(response, 404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } })
  }
  const transport = id === undefined ? await newSession() : sessions.get(id)
  await transport.handleRequest(request, response)
}

const http = createServer((request, response) => {
  handle(request, response).catch((error) => {
    print(`request failed: ${error.stack}`)
    if (!response.headersSent) reply(response, 500, { error: error.message })
  })
})
http.on('error', (error) => {
  print(`cannot listen on port ${config.port}: ${error.message}`)
  process.exit(1)
})
http.listen(config.port, '127.0.0.1', () => print(`listening on port ${config.port} with ${configFile}`))

async function stop() {
  http.close()
  http.closeAllConnections()
  await Promise.all(servers.map((server) => server.close()))
  process.exit(0)
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
await allStarted
