// Begins a turn and then says nothing more.
import { answerAsCodex, say } from './real-codex.mjs'

answerAsCodex()
say({ type: 'thread.started', thread_id: 'x' })
say({ type: 'turn.started' })
setInterval(() => undefined, 1000)
