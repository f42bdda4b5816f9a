// Refuses every call as Codex does when nobody is there to approve it, and ends as if all were well.
import { answerAsCodex, say } from './real-codex.mjs'

answerAsCodex()
say({ type: 'thread.started', thread_id: 'x' })
say({ type: 'turn.started' })
const calls = [
  ['workspace_fs_read', { operation: 'read_file', path: 'README.md' }], ['grep', { pattern: 'manage_stack' }], ['manage_stack', { operation: 'list_discovered_servers' }],
]
for (const [index, [tool, args]] of calls.entries()) {
  const item = { id: `item_${index}`, type: 'mcp_tool_call', server: 'stack', tool, arguments: args, result: null }
  say({ type: 'item.started', item: { ...item, error: null, status: 'in_progress' } })
  say({ type: 'item.completed', item: { ...item, error: { message: 'user cancelled MCP tool call' }, status: 'failed' } })
}
say({ type: 'turn.completed', usage: { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1 } })
