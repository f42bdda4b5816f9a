import type { AgentOutcome, ObservedCall } from '../agents/agent.ts'
import type { CallRecord, FindingRecord } from '../record.ts'
import type { CallEvidence, ReceivedCall } from '../suite.ts'
import { fail, verdictOf, VerdictError, withConsequences, type Verdict, type VerdictClass } from '../verdict.ts'
import { describeCall, includes } from './match.ts'

/** What is known about a stage when its agent has ended. */
export interface StageEvidence {
  readonly outcome: AgentOutcome
  /** The person who made the calls, for messages; left out where it was the agent. */
  readonly actor?: string
  /** Tools the model was offered, as `server/tool`. */
  readonly offered: readonly string[]
  /** How often the agent asked the model; left out where there is none. Before it has asked, nobody knows what it was offered. */
  readonly modelRequests?: number
  /** Tools that were not there when the agent was asked to call them, as `server/tool`. */
  readonly missing?: readonly string[]
  /** Deviations from the script that the model saw. */
  readonly modelProblems: readonly string[]
  /** Said when the agent asked the model less often than the script has answers. */
  readonly shortfall?: string | undefined
  /** Calls in the stack's own log since the stage began. */
  readonly received: readonly ReceivedCall[]
  readonly files: readonly string[]
}

export interface Expectation {
  readonly server: string
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
  readonly effect: string
  readonly verifyEffect: (evidence: CallEvidence) => Promise<void>
}

export interface Judgement {
  readonly calls: readonly CallRecord[]
  /** The first cause; undefined when every call was attempted, executed and effective. */
  readonly verdict: Verdict | undefined
}

const yes = (detail: string): FindingRecord => ({ answer: 'yes', detail })
const no = (detail: string): FindingRecord => ({ answer: 'no', detail })
const unknown = (detail: string): FindingRecord => ({ answer: 'unknown', detail })

/**
 * Asks three separate questions of every expected call: did the agent attempt it (transcript), did the server receive
 * and answer it (the stack's log), did it take effect (the stack's state). The first `no` is the verdict, the others its
 * consequences.
 */
export async function judgeStage(expectations: readonly Expectation[], evidence: StageEvidence): Promise<Judgement> {
  const { outcome, files, actor = 'the agent' } = evidence
  let verdict: Verdict | undefined
  const blame = (verdictClass: VerdictClass, diagnosis: string, remedy?: string): void => {
    if (verdict === undefined) verdict = fail(verdictClass, diagnosis, { evidence: files, remedy }).verdict
    else verdict = withConsequences(verdict, [`${verdictClass}: ${diagnosis}`])
  }
  // An agent that never got as far as a turn explains every missing call; a refusal by the scripted model explains a failed turn.
  const scriptProblem = evidence.modelProblems[0]
  if (scriptProblem !== undefined && outcome.problem?.class !== 'agent-hang') blame('model-script', scriptProblem)
  if (outcome.problem) blame(outcome.problem.class, outcome.problem.diagnosis, outcome.problem.remedy)

  const observed = [...outcome.calls]
  const received = [...evidence.received]
  const calls: CallRecord[] = []
  for (const expectation of expectations) {
    const title = describeCall(expectation)
    const seen = takeInOrder(observed, (call) => call.server === expectation.server && matches(call, expectation))
    const logged = takeInOrder(received, (call) => matches(call, expectation))
    const record = { tool: expectation.tool, arguments: expectation.arguments }
    if (!seen) {
      const name = `${expectation.server}/${expectation.tool}`
      const neverAsked = evidence.modelRequests === 0
      const missing = !neverAsked && (!evidence.offered.includes(name) || evidence.missing?.includes(name) === true)
      if (logged) {
        blame('evidence-conflict', `the server received ${title}, but ${actor}'s transcript does not show it`)
      } else if (missing && outcome.problem === undefined) {
        blame('tool-missing', `tool ${expectation.tool} of server ${expectation.server} was not offered to ${actor}; offered: ${list(evidence.offered)}`)
      } else {
        // A person can still do it; an agent has had its turn.
        blame(evidence.actor === undefined ? 'not-attempted' : 'manual', `${actor} did not call ${title}${outcome.calls.some((call) => matches(call, expectation)) ? ' in its turn' : ''}; it called ${list(outcome.calls.map(describeCall))}${neverAsked ? ', and never asked the model' : ''}`)
      }
      calls.push({
        ...record,
        attempted: no(missing ? `not offered; ${actor} had ${list(evidence.offered)}` : 'not in the transcript'),
        executed: logged ? yes('in the stack log all the same') : unknown('not attempted'),
        effective: unknown('not attempted'),
      })
      continue
    }
    const executed = judgeExecution(seen, logged, title, blame)
    let effective = unknown('not executed')
    if (executed.answer === 'yes') {
      try {
        await expectation.verifyEffect({ observed: seen, text: answerText(seen) })
        effective = yes(expectation.effect)
      } catch (error) {
        const cause = verdictOf(error, 'not-effective')
        const message = error instanceof VerdictError ? cause.diagnosis : error instanceof Error ? error.message : String(error)
        const diagnosis = cause.class === 'not-effective' ? `${title} succeeded without effect (${expectation.effect}): ${message}` : message
        blame(cause.class, diagnosis, cause.remedy)
        effective = no(diagnosis)
      }
    }
    calls.push({ ...record, attempted: yes(`transcript: ${seen.status}`), executed, effective })
  }
  // An agent that leaves early usually has a better reason above.
  if (evidence.shortfall !== undefined && outcome.end === 'completed') blame('model-script', evidence.shortfall)
  return { calls, verdict }
}

function judgeExecution(
  seen: ObservedCall,
  logged: ReceivedCall | undefined,
  title: string,
  blame: (verdictClass: VerdictClass, diagnosis: string) => void,
): FindingRecord {
  if (!logged) {
    if (seen.status === 'completed') {
      blame('evidence-conflict', `the agent says ${title} completed, but the stack's own log has no such call`)
    } else {
      blame('tool-failed', `${title} never reached the stack: ${reasonOf(seen)}`)
    }
    return no(`not in the stack's log (agent: ${seen.status})`)
  }
  if (seen.status !== 'completed') {
    blame('tool-failed', `${title} failed: ${reasonOf(seen)}`)
    return no(reasonOf(seen))
  }
  if (!logged.ok) {
    blame('evidence-conflict', `the agent says ${title} completed, the stack logged a failure: ${logged.error ?? 'no reason given'}`)
    return no(logged.error ?? 'the stack logged a failure')
  }
  return yes(`in the stack's log, from client ${logged.client}`)
}

const matches = (call: { tool: string; arguments: unknown }, { tool, arguments: expected }: Expectation): boolean =>
  call.tool === tool && includes(call.arguments, expected)

/** Takes the first match and drops everything before it: calls must come in the order asked for. */
function takeInOrder<T>(queue: T[], matches: (item: T) => boolean): T | undefined {
  const index = queue.findIndex(matches)
  return index === -1 ? undefined : queue.splice(0, index + 1).at(-1)
}

function reasonOf(call: ObservedCall): string {
  if (call.status === 'abandoned') return 'the agent started it and never reported an end'
  return call.error ?? (answerText(call) || 'no reason given')
}

/** All text parts of a tool's answer. */
export function answerText(call: ObservedCall): string {
  const { result } = call
  if (typeof result !== 'object' || result === null || !('content' in result) || !Array.isArray(result.content)) return ''
  return result.content
    .map((part: unknown) => (typeof part === 'object' && part !== null && 'text' in part ? String(part.text) : ''))
    .join('\n')
}

const list = (items: readonly string[]): string => (items.length === 0 ? 'nothing' : items.join(', '))
