import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { expect, onTestFinished, test } from 'vitest'
import { workspacePaths } from '../../harness/sandbox/workspace-paths.ts'
import { describeVerdict, fail, VerdictError } from '../../harness/verdict.ts'
import { placesIn } from './places.ts'
import { explained } from './start-stack.ts'

const waited = fail('readiness', 'the script still waits for tools (current count=1)', { evidence: ['logs/restart.log'] })
const at = '2026-01-01T00:00:00: 2026/01/01 00:00:00'

test.each([
  { what: 'an intended tool is not live', intends: ['grep', 'fetch'], is: 'catalog', says: /missing fetch; the script still waits/ },
  { what: 'all that is intended is live', intends: ['grep'], is: 'readiness', says: /^readiness: the script still waits/ },
  { what: 'a server did not connect', intends: ['grep', 'fetch'], log: [`${at} <fs> Connecting`, `${at} <fs> Failed to add client to server: EOF`], is: 'readiness', says: /goes on without fs \(EOF\); .*; the script still waits/ },
])('a script that waits in vain for tools: $what', async ({ intends, log = [], is, says }) => {
  const paths = workspacePaths(mkdtempSync(join(tmpdir(), 'start-')))
  onTestFinished(() => { rmSync(paths.root, { recursive: true, force: true }) })
  const places = placesIn(paths)
  const files = {
    [join(places.stateHome, 'intended_catalog.json')]: JSON.stringify({ catalog: { toolAggregations: { aggregations: intends.map((name) => ({ name })) } } }),
    [join(places.stelae, 'logs/mcp-proxy.err.log')]: log.join('\n'),
    [places.proxyConfig]: JSON.stringify({ mcpServers: {} }),
  }
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text)
  }
  mkdirSync(paths.logs, { recursive: true })
  const error = await explained({
    paths, ports: { proxy: await serve('grep') }, signal: new AbortController().signal, note: () => undefined, run: () => Promise.reject(new Error('nothing is to be run')),
  }, waited)
  expect(error).toBeInstanceOf(VerdictError)
  const { verdict } = error as VerdictError
  expect(verdict.class).toBe(is)
  expect(describeVerdict(verdict)).toMatch(says)
  expect(verdict.evidence).toContain('logs/restart.log')
})

/** A real MCP server with one tool. @returns its port */
async function serve(tool: string): Promise<number> {
  const http = createServer((request, response) => {
    const server = new McpServer({ name: 'stelae', version: '1' })
    server.registerTool(tool, {}, () => ({ content: [] }))
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    // The SDK's own Transport type forbids explicit undefined, its class has it.
    void server.connect(transport as Parameters<typeof server.connect>[0]).then(() => transport.handleRequest(request, response))
  })
  onTestFinished(() => {
    http.closeAllConnections()
    http.close()
  })
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
  return (http.address() as AddressInfo).port
}
