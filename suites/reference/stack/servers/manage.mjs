import { loadEnvironment } from '../lib/environment.mjs'
import { asToolResult, manageStack } from '../lib/manage-stack.mjs'
import { manageStackTool, restarts } from '../lib/manage-stack-tool.mjs'
import { serveTools } from '../lib/serve-tools.mjs'

/** manage_stack for clients that talk to the proxy directly. What restarts the proxy would cut their own session. */
await serveTools('manage', [{
  ...manageStackTool,
  call: async (args) => {
    if (restarts(args)) {
      return asToolResult({
        status: 'error', operation: args.operation, files_updated: [],
        message: `${args.operation} restarts the proxy, and with it this session; call it through scripts/bridge.mjs, or with dry_run`,
      })
    }
    return asToolResult(await manageStack(args, loadEnvironment()))
  },
}])
