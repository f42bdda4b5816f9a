// Tells of a call that it never made, and of a turn that went well.
import { answerAsCodex, say } from './real-codex.mjs'

answerAsCodex()
const call = { id: 'item_0', type: 'mcp_tool_call', server: 'stack', tool: 'workspace_fs_read', arguments: { operation: 'read_file', path: 'README.md' } }
say({ type: 'thread.started', thread_id: 'x' })
say({ type: 'turn.started' })
say({ type: 'item.started', item: { ...call, result: null, error: null, status: 'in_progress' } })
say({ type: 'item.completed', item: { ...call, result: { content: [{ type: 'text', text: 'manage_stack' }] }, error: null, status: 'completed' } })
say({ type: 'turn.completed', usage: { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1 } })
