import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const program = fileURLToPath(new URL('../server.mjs', import.meta.url))
const fixture = (name, ...args) => ({ command: process.execPath, args: [fileURLToPath(new URL(`fixtures/${name}.mjs`, import.meta.url)), ...args] })

test('publishes what runs, says what does not, and logs every request with its client', async (t) => {
  const proxy = await startProxy(t, { good: fixture('two-tools'), bad: fixture('ends-at-once') })
  await proxy.said('publishing 2 tools: ends, fails')
  const { servers, tools, name, version } = await proxy.manifest()
  assert.deepEqual([name, version, tools], ['test-proxy', 'r1', ['ends', 'fails']])
  assert.deepEqual(servers.map((server) => [server.name, server.state, server.tools]), [['good', 'ready', 2], ['bad', 'failed', 0]])
  assert.match(servers[1].error, /closed.*ends-at-once\.mjs/)

  const client = await proxy.connect('an-agent')
  assert.equal((await client.callTool({ name: 'fails', arguments: { a: 1 } })).isError, true)
  await assert.rejects(client.callTool({ name: 'nope', arguments: {} }), /there is no tool nope; there are ends, fails/)
  await assert.rejects(client.callTool({ name: 'ends', arguments: {} }), /good: Connection closed/)
  await proxy.said('publishing 0 tools')
  assert.deepEqual((await client.listTools()).tools, [])
  assert.deepEqual(proxy.log().map((line) => [line.by, line.client.name, line.method, line.tool, line.arguments, line.outcome]), [
    ['proxy', 'an-agent', 'initialize', undefined, undefined, 'ok'],
    ['proxy', 'an-agent', 'tools/call', 'fails', { a: 1 }, 'tool-error'],
    ['proxy', 'an-agent', 'tools/call', 'nope', {}, 'rpc-error'],
    ['proxy', 'an-agent', 'tools/call', 'ends', {}, 'rpc-error'],
    ['proxy', 'an-agent', 'tools/list', undefined, undefined, 'ok'],
  ])
})

test('answers 503 and names what it waits for until every server has started', async (t) => {
  const gate = join(mkdtempSync(join(tmpdir(), 'gate-')), 'open')
  t.after(() => rmSync(join(gate, '..'), { recursive: true, force: true }))
  const proxy = await startProxy(t, { slow: fixture('two-tools', gate) })
  const response = await fetch(proxy.url, { method: 'POST', body: '{}' })
  assert.deepEqual([response.status, await response.json()], [503, { error: 'starting', waitingFor: ['slow'] }])
  writeFileSync(gate, '')
  await proxy.said('publishing 2 tools')
  await proxy.connect('an-agent')
})

test('a port that is taken is named, and the proxy ends', async (t) => {
  const holder = createServer().listen(0, '127.0.0.1')
  t.after(() => holder.close())
  await once(holder, 'listening')
  const { port } = holder.address()
  const proxy = await startProxy(t, {}, port, false)
  assert.equal(await proxy.ended, 1)
  assert.match(proxy.output(), new RegExp(`cannot listen on port ${port}: .*EADDRINUSE`))
})

test('ends at once on SIGTERM, its servers with it, and a call in progress is answered and logged', async (t) => {
  const proxy = await startProxy(t, { good: fixture('two-tools'), hangs: fixture('hangs') })
  await proxy.said('publishing 3 tools')
  const client = await proxy.connect('an-agent')
  const call = assert.rejects(client.callTool({ name: 'hangs', arguments: {} }))
  await proxy.said('hangs was called')
  proxy.process.kill('SIGTERM')
  assert.equal(await proxy.ended, 0)
  await call
  assert.match(proxy.log().at(-1).error, /stopped before it answered/)
})

test('says how to give it a configuration', async () => {
  const child = spawn(process.execPath, [program, '/no/such/file'], { env: { PATH: process.env.PATH }, stdio: ['ignore', 'ignore', 'pipe'] })
  const [said] = await Promise.all([child.stderr.toArray(), once(child, 'exit')])
  assert.equal(child.exitCode, 2)
  assert.match(said.join(''), /cannot read \/no\/such\/file: .*run scripts\/render\.mjs/)
})

async function startProxy(t, servers, port = 0, listens = true) {
  const home = mkdtempSync(join(tmpdir(), 'proxy-'))
  const config = join(home, 'proxy.json')
  const callLog = join(home, 'calls.ndjson')
  writeFileSync(config, JSON.stringify({ name: 'test-proxy', revision: 'r1', port, callLog, servers }))
  const child = spawn(process.execPath, [program], { env: { PATH: process.env.PATH, PROXY_CONFIG: config }, stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = once(child, 'exit').then(([code]) => code)
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { output += chunk })
  t.after(async () => {
    child.kill('SIGTERM')
    await ended
    rmSync(home, { recursive: true, force: true })
  })
  const said = async (words) => {
    for (const deadline = performance.now() + 15_000; !output.includes(words); await delay(20)) {
      if (performance.now() > deadline) throw new Error(`the proxy never said ${words}; it said:\n${output}`)
    }
  }
  if (listens) await said('listening on port')
  const url = new URL(`http://127.0.0.1:${/listening on port (\d+)/.exec(output)?.[1] ?? port}/mcp`)
  return {
    process: child, ended, url, said,
    output: () => output,
    log: () => (existsSync(callLog) ? readFileSync(callLog, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : []),
    manifest: async () => (await fetch(new URL('/.well-known/mcp/manifest.json', url))).json(),
    connect: async (name) => {
      const client = new Client({ name, version: '1' })
      await client.connect(new StreamableHTTPClientTransport(url))
      t.after(() => client.close())
      return client
    },
  }
}
