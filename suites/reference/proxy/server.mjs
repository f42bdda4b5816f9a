import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { answerRequest } from './lib/answer-request.mjs'
import { logRequests, openCallLog } from './lib/call-log.mjs'
import { buildCatalog } from './lib/catalog.mjs'
import { startServer } from './lib/downstream.mjs'

// pm2 loads this file with import() and would keep a proxy that failed as if it ran.
process.once('unhandledRejection', (error) => {
  console.error(error)
  process.exit(1)
})

const configFile = process.env.PROXY_CONFIG ?? process.argv[2]
if (!configFile) {
  console.error('proxy: no configuration; set PROXY_CONFIG or give the path of a rendered proxy.json')
  process.exit(2)
}
const config = readConfig()
const print = (line) => console.log(`[proxy] ${line}`)
const log = openCallLog(config.callLog)
const sessions = new Map()
let servers = []
/** Undefined until every server has started or failed. */
let catalog

async function startServers() {
  servers = Object.entries(config.servers).map(([name, descriptor]) => startServer(name, descriptor, { log: print, onEnd: publish }))
  await Promise.all(servers.map(({ started }) => started))
  publish()
}

function publish() {
  if (servers.some(({ state }) => state === 'starting')) return
  catalog = buildCatalog(config, servers)
  print(`publishing ${catalog.size} tools: ${[...catalog.keys()].sort().join(', ')}`)
}

async function newSession() {
  const server = new Server({ name: config.name, version: config.revision }, { capabilities: { tools: {} } })
  // Not setRequestHandler: that would parse results of calls, and a proxy hands them on as they are.
  server.fallbackRequestHandler = (request, extra) => answerRequest(request, catalog, extra.signal)
  const transport = new StreamableHTTPServerTransport({
    sessionIdGenerator: randomUUID,
    // A plain response breaks when the proxy ends, and the caller notices; a stream would only fall silent.
    enableJsonResponse: true,
    onsessioninitialized: (id) => sessions.set(id, transport),
    onsessionclosed: (id) => sessions.delete(id),
  })
  await server.connect(transport)
  logRequests(transport, server, log)
  return transport
}

const reply = (response, status, body, headers = {}) =>
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

async function handle(request, response) {
  const { pathname } = new URL(request.url, 'http://localhost')
  if (pathname === '/.well-known/mcp/manifest.json') {
    reply(response, 200, {
      name: config.name, version: config.revision,
      servers: servers.map(({ name, state, tools, error }) => ({ name, state, tools: tools.length, error })),
      tools: [...(catalog?.keys() ?? [])].sort(),
    })
    return
  }
  if (pathname !== '/mcp') return void reply(response, 404, { error: `no such path: ${pathname}; there are /mcp and /.well-known/mcp/manifest.json` })
  if (!catalog) {
    const waiting = servers.filter(({ state }) => state === 'starting').map(({ name }) => name)
    return void reply(response, 503, { error: 'starting', waitingFor: waiting })
  }
  if (request.method === 'GET') return void reply(response, 405, { error: 'this proxy sends no messages of its own' }, { allow: 'POST, DELETE' })
  const id = request.headers['mcp-session-id']
  if (id !== undefined && !sessions.has(id)) {
    return void reply(response, 404, { jsonrpc: '2.0', id: null, error: { code: -32001, message: 'Session not found' } })
  }
  const transport = id === undefined ? await newSession() : sessions.get(id)
  await transport.handleRequest(request, response)
}

function readConfig() {
  try {
    return JSON.parse(readFileSync(configFile, 'utf8'))
  } catch (error) {
    console.error(`proxy: cannot read ${configFile}: ${error.message}; run scripts/render.mjs of the stack`)
    process.exit(2)
  }
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
http.listen(config.port, '127.0.0.1', () => {
  print(`listening on port ${http.address().port} with ${configFile}`)
  // Not before: a proxy that cannot have its port must not leave servers behind.
  void startServers()
})

async function stop() {
  http.close()
  await Promise.all([...sessions.values()].map((transport) => transport.close()))
  http.closeAllConnections()
  await Promise.all(servers.map((server) => server.close()))
  process.exit(0)
}
process.once('SIGINT', stop)
process.once('SIGTERM', stop)
