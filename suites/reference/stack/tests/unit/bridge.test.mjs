import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { stackDir } from '../../lib/environment.mjs'
import { temporaryPlaces } from './temporary-home.mjs'

const proxyDir = process.env.PROXY_DIR ?? join(stackDir, '..', 'proxy')

test('the agent keeps its session while the proxy is restarted', { skip: existsSync(proxyDir) ? false : 'no checkout of the proxy' }, async (t) => {
  const port = await freePort()
  const places = temporaryPlaces(t, port)
  const config = join(places.configHome, 'small.json')
  writeFileSync(config, JSON.stringify({
    name: 'small', revision: '1', port, callLog: places.callLog,
    servers: { docs: { command: process.execPath, args: [join(stackDir, 'servers/docs.mjs')], cwd: stackDir, publish: 'raw' } },
  }))
  let proxy = startProxy(config)
  t.after(() => proxy.kill('SIGKILL'))
  const client = new Client({ name: 'an-agent', version: '1.0.0' })
  const transport = new StdioClientTransport({
    command: process.execPath, args: [join(stackDir, 'scripts/bridge.mjs')],
    env: { PATH: process.env.PATH, STACK_CONFIG_HOME: places.configHome, PROXY_PORT: String(port), PM2_HOME: places.pm2Home, PM2_BIN: '/no/pm2' },
  })
  await client.connect(transport)
  t.after(() => client.close())
  const call = async () => JSON.parse((await client.callTool({ name: 'list_documents', arguments: {} })).content[0].text).documents
  assert.deepEqual(await call(), ['architecture.md', 'servers.md'])
  proxy.kill('SIGTERM')
  await once(proxy, 'exit')
  const waiting = call()
  proxy = startProxy(config)
  assert.deepEqual(await waiting, ['architecture.md', 'servers.md'])
})

function startProxy(config) {
  return spawn(process.execPath, [join(proxyDir, 'server.mjs')], { env: { ...process.env, PROXY_CONFIG: config }, stdio: 'ignore' })
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
