// A small real MCP server in place of one that cannot be had here: node server.mjs <tools.json>
// It offers the tools of that file, and answers each call with what it was asked.
import { readFileSync } from 'node:fs'
import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

const { server: name, tools } = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const server = new Server({ name, version: '1.0.0' }, { capabilities: { tools: {} } })

server.setRequestHandler(ListToolsRequestSchema, () => ({ tools }))
server.setRequestHandler(CallToolRequestSchema, ({ params }) => {
  if (!tools.some((tool) => tool.name === params.name)) throw new Error(`the stand-in for ${name} has no tool ${params.name}`)
  return { content: [{ type: 'text', text: JSON.stringify({ standInFor: name, tool: params.name, arguments: params.arguments ?? {} }) }] }
})
await server.connect(new StdioServerTransport())
