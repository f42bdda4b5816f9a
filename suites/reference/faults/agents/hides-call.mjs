// Plays the session, and does not tell of one of its calls.
import { answerAsCodex, playSession } from './real-codex.mjs'

answerAsCodex()
await playSession((line) => line.includes('"mcp_tool_call"') && line.includes('workspace_fs_read') ? undefined : `${line}\n`)
