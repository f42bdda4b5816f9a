import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Daemon } from '../daemon.ts'
import { eventsOf } from './seen-by-ao.ts'

test.each([
  { sent: 'id: 1\ndata: {"seq":1,"type":"a","payload":"{\\"url\\":\\"x\\"}"}\n\ndata: {"seq":2,"type":"b","payload":{"y":1}}\n\ndata: {"seq":3,', gives: [{ seq: 1, type: 'a', payload: { url: 'x' } }, { seq: 2, type: 'b', payload: { y: 1 } }] },
  { sent: 'data: 7\n\n', gives: [] },
  { sent: 'data: {"seq":1,"type":"a","payload":"{half"}\n\n', gives: 'the stream of events has what is no JSON' },
  { sent: 'data: <html>\n\n', gives: 'its last line: data: <html>' },
])('a stream of $sent', async ({ sent, gives }) => {
  const root = mkdtempSync(join(tmpdir(), 'seen-'))
  const server = createServer((_request, response) => { response.write(sent) }).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const daemon = new Daemon({ root, binary: process.execPath, port: (server.address() as AddressInfo).port, terminal: 'tmux', env: { PATH: process.env.PATH ?? '' } })
    if (typeof gives === 'string') await expect(eventsOf(daemon)).rejects.toMatchObject({ verdict: { class: 'check-failed', diagnosis: expect.stringContaining(gives) as string } })
    else expect(await eventsOf(daemon)).toEqual(gives)
  } finally {
    server.closeAllConnections()
    server.close()
    rmSync(root, { recursive: true, force: true })
  }
})
