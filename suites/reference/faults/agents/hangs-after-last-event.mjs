// Plays the whole session, and then does not end.
import { answerAsCodex, playSession } from './real-codex.mjs'

answerAsCodex()
setInterval(() => undefined, 1000)
await playSession((line) => `${line}\n`)
