// A Codex that names a flag in its help, and refuses it.
import { answerAsCodex } from './real-codex.mjs'

answerAsCodex()
console.error("error: unexpected argument '--sandbox' found\n\nUsage: codex exec [OPTIONS] [PROMPT]\n\nFor more information, try '--help'.")
process.exit(2)
