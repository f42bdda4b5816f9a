import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readTap, tapped, tappedCalls } from './mcp-tap.ts'
import { packagesFolder } from './packages.ts'

let folder: string
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'tap-')) })
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

test('everything passes, and calls are written down with how they ended', async () => {
  const log = join(folder, 'wire.ndjson')
  const everything = join(packagesFolder(), '@modelcontextprotocol/server-everything/dist/index.js')
  const wiring = tapped({ transport: 'stdio', command: process.execPath, args: [everything, 'stdio'], env: {} }, log)
  if (wiring.transport !== 'stdio') throw new Error('not stdio')
  const client = new Client({ name: 'a-test', version: '1' })
  await client.connect(new StdioClientTransport({ command: wiring.command, args: [...wiring.args], stderr: 'ignore' }))
  const { tools } = await client.listTools()
  await client.callTool({ name: 'echo', arguments: { message: 'hello' } })
  // A newer server answers an unknown tool with isError, an older one with an error.
  await client.callTool({ name: 'no-such-tool', arguments: {} }).catch(() => undefined)
  await client.close()
  expect(readTap(log).find(({ method }) => method === 'tools/list')?.tools).toEqual(tools.map(({ name }) => name))
  expect(tappedCalls(log)).toMatchObject([
    { tool: 'echo', arguments: { message: 'hello' }, ok: true, client: 'a-test', answer: 'Echo: hello' },
    { tool: 'no-such-tool', ok: false, error: expect.stringContaining('no-such-tool') as string },
  ])
})

test('a log that is not there has no calls, and a line that is being written is left out', () => {
  const log = join(folder, 'wire.ndjson')
  expect(readTap(log)).toEqual([])
  writeFileSync(log, '{"client":"c","method":"initialize","outcome":"ok"}\n{"client":"c","meth')
  expect(readTap(log)).toHaveLength(1)
})
