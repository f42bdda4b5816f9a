import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { listenersOf } from '../harness/processes/listeners.ts'
import { probeInitialize } from './mcp-client.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function serve(status: number, body: string): Promise<string> {
  server = createServer((_, response) => response.writeHead(status, { 'content-type': 'application/json' }).end(body))
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

test.each([
  { status: 200, body: '{"result":{"serverInfo":{"name":"mine","version":"1"}}}', ok: true, serverName: 'mine', detail: /^HTTP 200/ },
  { status: 503, body: '{"error":"starting"}', ok: false, serverName: undefined, detail: /HTTP 503 \{"error":"starting"\}/ },
  { status: 404, body: 'no such page', ok: false, serverName: undefined, detail: /HTTP 404 no such page/ },
  { status: 200, body: '<html>some other program</html>', ok: false, serverName: undefined, detail: /some other program/ },
])('HTTP $status $body: ok is $ok', async ({ status, body, ok, serverName, detail }) => {
  const probe = await probeInitialize(await serve(status, body), 5000)
  expect(probe.ok).toBe(ok)
  expect(probe.serverName).toBe(serverName)
  expect(probe.detail).toMatch(detail)
})

test('a refused connection is an answer, not an error', async () => {
  const url = await serve(200, '')
  server?.close()
  await new Promise((resolve) => server?.once('close', resolve))
  expect(await probeInitialize(url, 5000)).toMatchObject({ ok: false, detail: expect.stringMatching(/ECONNREFUSED/) as string })
})

test('a listening port is found by the process that holds it', async () => {
  const url = new URL(await serve(200, ''))
  const mine = listenersOf((pid) => pid === process.pid)
  expect(mine).toContainEqual({ port: Number(url.port), pid: process.pid })
  expect(listenersOf(() => false)).toEqual([])
})
