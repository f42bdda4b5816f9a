// Plays the session; of its last event only the first half comes through.
import { answerAsCodex, playSession } from './real-codex.mjs'

answerAsCodex()
await playSession((line) => line.includes('"turn.completed"') ? line.slice(0, line.length / 2) : `${line}\n`)
