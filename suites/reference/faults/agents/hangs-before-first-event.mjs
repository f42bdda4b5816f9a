// Says nothing at all.
import { answerAsCodex } from './real-codex.mjs'

answerAsCodex()
setInterval(() => undefined, 1000)
