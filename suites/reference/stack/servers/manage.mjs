import { Server } from '@modelcontextprotocol/sdk/server/index.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { CallToolRequestSchema, ListToolsRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { loadEnvironment } from '../lib/environment.mjs'
import { asToolResult, manageStack, manageStackTool } from '../lib/manage-stack.mjs'

/** manage_stack for clients that talk to the proxy directly. What restarts the proxy would cut their own session. */
const restarting = ['install_server', 'remove_server', 'run_reconciler']

const server = new Server({ name: 'manage', version: '1.0.0' }, { capabilities: { tools: {} } })
server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: [manageStackTool] }))
server.setRequestHandler(CallToolRequestSchema, async ({ params: { arguments: args = {} } }) => {
  if (restarting.includes(args.operation) && !args.params?.dry_run) {
    return asToolResult({
      status: 'error', operation: args.operation, files_updated: [],
      message: `${args.operation} restarts the proxy, and with it this session; call it through scripts/bridge.mjs, or with dry_run`,
    })
  }
  return asToolResult(await manageStack(args, loadEnvironment()))
})
await server.connect(new StdioServerTransport())
