import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { probeInitialize } from './probe.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function serve(answer: RequestListener): Promise<string> {
  server = createServer(answer)
  await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`
}

const answer = '{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"a":{}},"serverInfo":{"icons":[{"src":"x"}],"name":"mine","version":"2"}}}'

test.each([
  { how: 'a whole body', text: answer },
  { how: 'an event', text: `event: message\ndata: ${answer}\n\n` },
  { how: 'an event after a comment and another event', text: `: hello\r\n\r\ndata: {"method":"x"}\r\n\r\ndata: ${answer}\r\n\r\n` },
])('the answer is read from $how of a stream that stays open', async ({ text }) => {
  const url = await serve((_, response) => { response.writeHead(200, { 'content-type': 'text/event-stream' }).write(text) })
  expect(await probeInitialize(url, 20_000)).toMatchObject({ ok: true, status: 200, serverName: 'mine', serverVersion: '2' })
})

test.each([
  { what: 'a JSON-RPC error', status: 200, body: '{"jsonrpc":"2.0","id":1,"error":{"message":"not yet"}}' },
  { what: 'a right body under a wrong status', status: 500, body: answer },
  { what: 'a name in the wrong place', status: 200, body: '{"serverInfo":{"name":"mine"}}' },
])('$what is no success, and is kept', async ({ status, body }) => {
  const url = await serve((_, response) => { response.writeHead(status).end(body) })
  expect(await probeInitialize(url, 20_000)).toMatchObject({ ok: false, status, body })
})

test('what came before the time was over is kept', async () => {
  const url = await serve((_, response) => { response.writeHead(200).write('a beginning') })
  expect(await probeInitialize(url, 1500)).toMatchObject({ ok: false, status: 200, body: 'a beginning', detail: expect.stringMatching(/^HTTP 200 a beginning \(.*timeout/) as string })
})

test('a body that never ends is cut', async () => {
  const url = await serve((_, response) => {
    const more = (): void => { while (response.write('x'.repeat(16_384))); }
    response.on('drain', more).on('error', () => undefined)
    more()
  })
  expect((await probeInitialize(url, 20_000)).body).toHaveLength(64 * 1024)
})

test('the session that was opened is closed, and the caller can stop it', async () => {
  const seen: string[] = []
  const url = await serve((request, response) => {
    seen.push(`${request.method ?? ''} ${String(request.headers['mcp-session-id'])}`)
    response.writeHead(200, { 'mcp-session-id': 's1' }).end(answer)
  })
  await probeInitialize(url, 20_000)
  expect(seen).toEqual(['POST undefined', 'DELETE s1'])
  expect(await probeInitialize(url, 20_000, AbortSignal.abort(new Error('enough')))).toMatchObject({ ok: false, detail: 'enough' })
})
