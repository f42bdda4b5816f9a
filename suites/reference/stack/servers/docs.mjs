import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'
import { stackDir } from '../lib/environment.mjs'

const folder = join(stackDir, 'docs')
const names = () => readdirSync(folder).filter((name) => name.endsWith('.md')).sort()
const answer = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] })

const server = new McpServer({ name: 'docs', version: '1.0.0' })
server.registerTool('list_documents', { description: 'Names of all documents', inputSchema: {}, annotations: { readOnlyHint: true } },
  () => answer({ documents: names() }))
server.registerTool('fetch_document', {
  description: 'One document as Markdown', inputSchema: { name: z.string() }, annotations: { readOnlyHint: true },
}, ({ name }) => {
  if (!names().includes(name)) {
    return { content: [{ type: 'text', text: `there is no document ${JSON.stringify(name)}; there are ${names().join(', ')}` }], isError: true }
  }
  return answer({ name, text: readFileSync(join(folder, name), 'utf8') })
})
await server.connect(new StdioServerTransport())
