// Says that all is done, and has done nothing.
import { answerAsCodex, say } from './real-codex.mjs'

answerAsCodex()
say({ type: 'thread.started', thread_id: 'x' })
say({ type: 'turn.started' })
say({ type: 'item.completed', item: { id: 'item_0', type: 'agent_message', text: 'All three tools answered.' } })
say({ type: 'turn.completed', usage: { input_tokens: 1, cached_input_tokens: 0, output_tokens: 1 } })
