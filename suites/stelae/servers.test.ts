import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { intendedTools } from './catalog.ts'
import {
  addCustomTool, catalogFragment, expectRenderedPort, offerServer, overlayServers, pointAggregationsAt, standInCommand, toolsByServer, unknownTools, unreachableServers,
} from './servers.ts'

let folder: string
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'servers-')) })
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

function file(name: string, content: unknown): string {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify(content))
  return path
}
const read = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'))

const catalog = {
  toolOverrides: { servers: {
    fs: { tools: { read_file: { description: 'reads' }, write_file: { enabled: false, inputSchema: { type: 'object', properties: { path: {} } } } } },
    fetch: { enabled: false, tools: { fetch: { enabled: false } } },
  } },
  toolAggregations: { aggregations: [{ name: 'workspace', operations: [{ downstreamServer: 'fs', downstreamTool: 'move_file' }, { downstreamTool: 'of_nobody' }] }] },
}

test('a stand-in offers what the catalogs name, and what aggregated tools pass on to it', () => {
  const tools = toolsByServer([catalog, {}, 'not a catalog'])
  expect(tools.get('fs')).toEqual([
    { name: 'read_file', description: 'reads', inputSchema: { type: 'object' } },
    { name: 'write_file', description: 'write_file of fs', inputSchema: { type: 'object', properties: { path: {} } } },
    { name: 'move_file', description: 'move_file of fs', inputSchema: { type: 'object' } },
  ])
  expect(tools.has('of_nobody')).toBe(false)
})

test('a stand-in is a real MCP server that answers with what it was asked', async () => {
  const [command = '', ...args] = standInCommand({ standIns: join(folder, 'stand-ins') }, 'fs', toolsByServer([catalog]).get('fs') ?? [])
  const client = new Client({ name: 'test', version: '1' })
  await client.connect(new StdioClientTransport({ command, args }))
  try {
    expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read_file', 'write_file', 'move_file'])
    const answer = await client.callTool({ name: 'move_file', arguments: { to: 'there' } })
    expect(answer.content).toEqual([{ type: 'text', text: '{"standInFor":"fs","tool":"move_file","arguments":{"to":"there"}}' }])
    await expect(client.callTool({ name: 'no_such_tool', arguments: {} })).rejects.toThrow(/no tool no_such_tool/)
  } finally {
    await client.close()
  }
})

test('servers on the internet, and those whose program is not there, cannot work', () => {
  const rendered = { mcpServers: {
    near: { url: 'http://127.0.0.1:1/mcp' }, far: { url: 'https://example.org/mcp' }, there: { command: 'node' }, gone: { command: 'no-such-program' },
    both: { url: 'https://example.org/mcp', command: 'node' },
  } }
  expect(unreachableServers(rendered, (command) => command === 'node')).toEqual([
    { server: 'far', why: expect.stringContaining('on the internet (example.org)') as string },
    { server: 'gone', why: expect.stringContaining('no-such-program is not on this machine') as string },
  ])
})

test('the overlay keeps what is in it', () => {
  const overlay = file('overlay.json', { mcpProxy: { name: 'x' }, mcpServers: { fs: { command: 'a' }, far: { options: { b: 1 } } } })
  overlayServers(overlay, { far: { command: 'node', args: ['s'] } })
  expect(read(overlay)).toEqual({ mcpProxy: { name: 'x' }, mcpServers: { fs: { command: 'a' }, far: { options: { b: 1 }, command: 'node', args: ['s'] } } })
})

test('aggregated tools ask the proxy of the sandbox', () => {
  const aggregations = file('a.json', { proxyURL: 'http://127.0.0.1:9090', aggregations: [1] })
  expect(pointAggregationsAt(aggregations, 'http://127.0.0.1:5')?.why).toContain('http://127.0.0.1:9090')
  expect(read(aggregations)).toEqual({ proxyURL: 'http://127.0.0.1:5', aggregations: [1] })
  expect(pointAggregationsAt(aggregations, 'http://127.0.0.1:5')).toBeUndefined()
  expect(pointAggregationsAt(join(folder, 'none.json'), 'x')).toBeUndefined()
})

test('a custom tool is added only where there is none', () => {
  const custom = file('custom.json', { tools: [] })
  expect(addCustomTool(custom)?.what).toContain('clone_smoke_custom')
  expect(addCustomTool(custom)).toBeUndefined()
})

test('a server is added to those that were discovered, or takes the place of its entry', () => {
  const discovered = file('discovered.json', [{ name: 'other', a: 1 }, { name: 'qdrant', transport: 'metadata' }])
  offerServer({ discovered }, { name: 'qdrant', transport: 'stdio' })
  expect(read(discovered)).toEqual([{ name: 'other', a: 1 }, { name: 'qdrant', transport: 'stdio' }])
})

test('tools that no catalog names are found, for each server by itself', () => {
  expect(unknownTools(new Map([['fs', ['read_file', 'new_tool']], ['other', ['write_file']]]), [catalog])).toEqual([
    { server: 'fs', tool: 'read_multiple_files' }, { server: 'fs', tool: 'new_tool' }, { server: 'other', tool: 'write_file' },
  ])
})

test('a rendered configuration with another port is told', () => {
  const rendered = file('proxy.json', { mcpProxy: { addr: ':9090' } })
  expect(() => { expectRenderedPort(rendered, 9090) }).not.toThrow()
  expect(() => { expectRenderedPort(rendered, 19_090) }).toThrow(/port-mismatch: the sandbox's port is 19090, and the rendered proxy.json says ":9090"/)
})

test('the catalog is compared with what the proxy obeys', () => {
  mkdirSync(join(folder, 's'))
  const overrides = file('s/overrides.json', { servers: { fs: { tools: { read_file: { enabled: false }, write_file: { enabled: false } } }, rg: { tools: { grep: { enabled: true } } } } })
  const intended = file('s/intended.json', { catalog: { ...catalog, toolOverrides: { servers: { ...catalog.toolOverrides.servers, rg: { tools: { grep: {} } } } } } })
  const found = intendedTools(intended, overrides)
  expect(found).toEqual({ tools: ['grep', 'workspace'], hidden: [{ server: 'fs', tool: 'read_file' }], notObeyed: [{ server: 'fetch', tool: 'fetch' }] })
  const { text, adaptations } = catalogFragment(found ?? { hidden: [], notObeyed: [] }, [{ server: 'fs', tool: 'read_multiple_files' }])
  expect(JSON.parse(text)).toMatchObject({
    toolOverrides: { servers: { fs: { tools: { read_file: { enabled: false } } }, custom: { tools: { clone_smoke_custom: { enabled: true } } } } },
    hideTools: [{ server: 'fetch', tool: 'fetch' }, { server: 'fs', tool: 'read_multiple_files' }],
  })
  expect(adaptations.map(({ what }) => what).join('; ')).toMatch(/fetch\/fetch hidden.*fs\/read_file switched off/)
  expect(intendedTools(file('empty.json', {}), overrides)).toBeUndefined()
  expect(intendedTools(join(folder, 'none.json'), overrides)).toBeUndefined()
})
