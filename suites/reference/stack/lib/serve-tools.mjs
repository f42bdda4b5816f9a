import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'

/** Serves tools on stdio. Each has a `call` that returns a tool result; what it throws becomes an `isError` result. */
export async function serveTools(name, tools) {
  const server = new Server({ name, version: '1.0.0' }, { capabilities: { tools: {} } })
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: tools.map((tool) => ({ ...tool, call: undefined })) }))
  server.setRequestHandler(CallToolRequestSchema, async ({ params }) => {
    const tool = tools.find((candidate) => candidate.name === params.name)
    if (!tool) return failure(`${name} has no tool ${params.name}`)
    try {
      return await tool.call(params.arguments ?? {})
    } catch (error) {
      return failure(`${tool.name}: ${error.message}`)
    }
  })
  await server.connect(new StdioServerTransport())
}

export const answer = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] })

const failure = (text) => ({ content: [{ type: 'text', text }], isError: true })
