// A Codex whose help names no flag for JSON events.
import { answerAsCodex } from './real-codex.mjs'

answerAsCodex((help) => help.replaceAll(/^.*--(experimental-)?json\b.*$/gm, ''))
