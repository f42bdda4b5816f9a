import type { AgentOutcome } from '../agents/agent.ts'
import type { ConversationRecord, FindingRecord, StageRecord } from '../record.ts'
import type { ReceivedCall } from '../suite.ts'
import { answerText } from './judge.ts'

/** One text of a conversation is kept up to this many characters, and all of a session's up to the second number. */
const textLimit = 8000
const sessionLimit = 256_000

/** More parts than this, and more calls in the stack's log, are not kept: an agent may go round in circles. */
const partLimit = 400

/** Everything of a stage that may be long. */
type Long = Pick<StageRecord, 'prompt' | 'calls' | 'observed' | 'conversation' | 'received' | 'omitted'>

/** What was asked for, and what was found of it. */
export type Asked = Pick<StageRecord, 'prompt' | 'calls'>

/**
 * What was asked, said and called in a session, and what the stack logged of it. An agent that tells no order is told by its
 * calls. Every call of the agent is there, so that nobody takes one that was left out for one that it did not make.
 * @param clean removes secrets from a text that is still whole: half of one would not be known any more
 */
export function sessionRecord({ prompt, calls }: Asked, outcome: AgentOutcome, received: readonly ReceivedCall[], clean: (text: string) => string): Long {
  const [cut, cutAsked, cutObserved, cutReceived] = [cutter(sessionLimit, clean), cutter(sessionLimit, clean), cutter(sessionLimit, clean), cutter(sessionLimit, clean)]
  const order = outcome.conversation ?? [...outcome.calls.keys(), ...outcome.messages]
  const omitted = { conversation: Math.max(0, order.length - partLimit), received: Math.max(0, received.length - partLimit) }
  const finding = ({ answer, detail }: FindingRecord): FindingRecord => ({ answer, detail: cutAsked(detail) })
  return {
    prompt: cutAsked(prompt),
    calls: calls.map((call) => ({ ...call, attempted: finding(call.attempted), executed: finding(call.executed), effective: finding(call.effective) })),
    observed: outcome.calls.map(({ server, tool, arguments: args, status, error }) => ({
      server, tool, ...argumentsOf(args, cutObserved), status, ...(error !== undefined && { error: cutObserved(error) }),
    })),
    conversation: order.slice(0, partLimit).map((part): ConversationRecord => {
      if (typeof part === 'string') return { kind: 'message', text: cut(part) }
      const call = outcome.calls[part]
      const answer = call === undefined ? '' : answerText(call)
      return { kind: 'call', call: part, ...(answer !== '' && { answer: cut(answer) }) }
    }),
    received: received.slice(0, partLimit).map(({ tool, arguments: args, ok, error, answer, client }) => ({
      tool, ...argumentsOf(args, cutReceived), ok, client, ...(error !== undefined && { error: cut(error) }), ...(answer !== undefined && { answer: cut(answer) }),
    })),
    ...(omitted.conversation + omitted.received > 0 && { omitted }),
  }
}

/** Arguments as they are, or the beginning of their JSON where that is too long. */
function argumentsOf(args: unknown, cut: (text: string) => string): { arguments: unknown; argumentsCut?: true } {
  // Of undefined there is no JSON, whatever the types say.
  const whole = (JSON.stringify(args) as string | undefined) ?? ''
  const shown = cut(whole)
  return shown.endsWith(cutMark) ? { arguments: shown, argumentsCut: true } : { arguments: args }
}

const cutMark = 'more characters, see the transcript'

/** Cuts texts to their own limit and to what is left of the limit of all of them. */
function cutter(left: number, clean: (text: string) => string): (text: string) => string {
  return (whole) => {
    const text = clean(whole)
    const limit = Math.min(textLimit, left)
    left -= Math.min(text.length, limit)
    return text.length <= limit ? text : `${text.slice(0, limit)}\n... ${text.length - limit} ${cutMark}`
  }
}
