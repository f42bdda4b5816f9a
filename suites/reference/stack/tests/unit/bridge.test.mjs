import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { ResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { stackDir } from '../../lib/environment.mjs'
import { freePort, proxyDir, temporaryEnvironment, undo } from './temporary-home.mjs'

const bridge = join(stackDir, 'scripts/bridge.mjs')

test('the agent keeps its session while the proxy is restarted', async (t) => {
  const port = await freePort()
  const env = temporaryEnvironment(t, port)
  const config = writeProxyConfig(env, { docs: { command: process.execPath, args: [join(stackDir, 'servers/docs.mjs')], cwd: stackDir } })
  let proxy = startProxy(t, config)
  const client = await connect(t, env)
  const call = async () => JSON.parse((await client.callTool({ name: 'list_documents', arguments: {} })).content[0].text).documents
  assert.deepEqual(await call(), ['architecture.md', 'servers.md'])
  proxy.kill('SIGTERM')
  await once(proxy, 'exit')
  const waiting = call()
  proxy = startProxy(t, config)
  assert.deepEqual(await waiting, ['architecture.md', 'servers.md'])
})

test('a call that the proxy dies under is answered at once, and not made again', async (t) => {
  const calls = []
  const { env, http } = await pretendProxy(t, ({ params }) => {
    calls.push(params.name)
    http.closeAllConnections()
  })
  const client = await connect(t, env)
  await assert.rejects(client.callTool({ name: 'count', arguments: {} }), /went away while count ran .*whether it was carried out is not known/)
  assert.deepEqual(calls, ['count'])
})

test('results and errors pass through as they are', async (t) => {
  const result = { content: [{ type: 'text', text: '{', extra: 1 }, { type: 'new-kind', x: [] }], structuredContent: { a: null }, isError: true, more: { b: 2 } }
  const { env } = await pretendProxy(t, ({ params }) => (params.name === 'fails' ? { error: { code: -32042, message: 'it is so', data: { c: 3 } } } : { result }))
  const client = await connect(t, env)
  const call = (name) => client.request({ method: 'tools/call', params: { name, arguments: {} } }, ResultSchema)
  assert.deepEqual(await call('works'), result)
  await assert.rejects(call('fails'), { message: 'MCP error -32042: it is so', code: -32042, data: { c: 3 } })
})

test('ends at once when the agent goes, even while the proxy is silent', async (t) => {
  const { env, called } = await pretendProxy(t, () => undefined)
  const child = spawn(process.execPath, [bridge], { env, stdio: ['pipe', 'ignore', 'ignore'] })
  undo(t, () => child.kill('SIGKILL'))
  for (const message of [
    { id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'an-agent', version: '1' } } },
    { method: 'notifications/initialized' }, { id: 2, method: 'tools/call', params: { name: 'slow', arguments: {} } },
  ]) child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  await called
  const endedAt = performance.now()
  child.stdin.end()
  assert.deepEqual(await once(child, 'exit'), [0, null])
  assert.ok(performance.now() - endedAt < 2000)
})

async function connect(t, env) {
  const client = new Client({ name: 'an-agent', version: '1.0.0' })
  await client.connect(new StdioClientTransport({ command: process.execPath, args: [bridge], env, stderr: 'ignore' }))
  undo(t, () => client.close())
  return client
}

function writeProxyConfig(env, servers) {
  const file = join(env.STACK_CONFIG_HOME, 'small.json')
  writeFileSync(file, JSON.stringify({ name: 'small', revision: '1', port: Number(env.PROXY_PORT), callLog: join(env.STACK_CONFIG_HOME, 'calls.ndjson'), servers }))
  return file
}

function startProxy(t, config) {
  const proxy = spawn(process.execPath, [join(proxyDir, 'server.mjs')], { env: { ...process.env, PROXY_CONFIG: config }, stdio: 'ignore' })
  undo(t, async () => {
    if (proxy.exitCode === null && proxy.kill('SIGTERM')) await once(proxy, 'exit')
  })
  return proxy
}

/** A proxy that answers tools/call with what `onCall` returns; with nothing, it stays silent. */
async function pretendProxy(t, onCall) {
  const http = createServer(async (request, response) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    const { id, method, params } = JSON.parse((await request.toArray()).join(''))
    if (id === undefined) return void response.writeHead(202).end()
    const initialized = { result: { protocolVersion: '2025-06-18', capabilities: { tools: {} }, serverInfo: { name: 'pretend', version: '1' } } }
    const answer = method === 'initialize' ? initialized : onCall({ params })
    if (method === 'tools/call') http.emit('called')
    if (answer) response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ jsonrpc: '2.0', id, ...answer }))
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  undo(t, () => { http.close(); http.closeAllConnections() })
  return { http, called: once(http, 'called'), env: temporaryEnvironment(t, http.address().port) }
}
