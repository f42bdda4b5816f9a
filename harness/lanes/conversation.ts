import type { AgentOutcome } from '../agents/agent.ts'
import type { ConversationRecord, StageRecord } from '../record.ts'
import type { ReceivedCall } from '../suite.ts'
import { answerText } from './judge.ts'

/** One text of a conversation is kept up to this many characters, and all of a session's up to the second number. */
const textLimit = 8000
const sessionLimit = 256_000

/** More parts than this, and more calls in the stack's log, are not kept: an agent may go round in circles. */
const partLimit = 400

/**
 * What was said and called in a session, and what the stack logged of it. An agent that tells no order is told by its calls.
 * @param clean removes secrets from a text that is still whole: half of one would not be known any more
 */
export function sessionRecord(outcome: AgentOutcome, received: readonly ReceivedCall[], clean: (text: string) => string): Pick<StageRecord, 'observed' | 'conversation' | 'received'> {
  const cut = cutter(sessionLimit, clean)
  const order = outcome.conversation ?? [...outcome.calls.keys(), ...outcome.messages]
  return {
    observed: outcome.calls.map(({ server, tool, arguments: args, status, error }) => ({
      server, tool, arguments: args, status, ...(error !== undefined && { error }),
    })),
    conversation: order.slice(0, partLimit).map((part): ConversationRecord => {
      if (typeof part === 'string') return { kind: 'message', text: cut(part) }
      const call = outcome.calls[part]
      const answer = call === undefined ? '' : answerText(call)
      return { kind: 'call', call: part, ...(answer !== '' && { answer: cut(answer) }) }
    }),
    received: received.slice(0, partLimit).map(({ tool, arguments: args, ok, error, answer, client }) => ({
      tool, arguments: args, ok, client, ...(error !== undefined && { error: cut(error) }), ...(answer !== undefined && { answer: cut(answer) }),
    })),
  }
}

/** Cuts texts to their own limit and to what is left of the limit of all of them. */
function cutter(left: number, clean: (text: string) => string): (text: string) => string {
  return (whole) => {
    const text = clean(whole)
    const limit = Math.min(textLimit, left)
    left -= Math.min(text.length, limit)
    return text.length <= limit ? text : `${text.slice(0, limit)}\n... ${text.length - limit} more characters, see the transcript`
  }
}
