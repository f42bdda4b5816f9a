import type { AgentOutcome } from '../agent.ts'
import type { ProcessEnd } from '../../processes/process.ts'
import { excerpt } from '../../redaction/excerpt.ts'
import { readStderr, type StderrFacts } from './stderr.ts'
import type { Transcript } from './transcript.ts'

/** Everything one Codex process left behind. */
export interface CodexEvidence {
  readonly version: string
  readonly end: Pick<ProcessEnd, 'exitCode' | 'signal' | 'durationMs' | 'cause'>
  readonly transcript: Transcript
  readonly stderrLines: readonly string[]
  /** Milliseconds the session was given. */
  readonly deadlineMs: number
}

const otherVersion = 'use a version that is known to work (SMOKE_AGENT_BIN), and tell clone-smoke of this one'

type End = AgentOutcome['end']
type Problem = NonNullable<AgentOutcome['problem']>

/** Turns evidence into an outcome. `completed` needs both `turn.completed` and exit code 0: neither alone proves a turn. */
export function outcomeOf(evidence: CodexEvidence): AgentOutcome {
  const stderr = readStderr(evidence.stderrLines)
  const { transcript } = evidence
  const { end, problem } = judge(evidence, stderr)
  return {
    end,
    exitCode: evidence.end.exitCode,
    signal: evidence.end.signal,
    durationMs: evidence.end.durationMs,
    calls: transcript.calls,
    unknownTools: stderr.unsupportedCalls,
    usage: transcript.usage,
    messages: transcript.messages,
    conversation: transcript.conversation,
    ...(problem && { problem }),
  }
}

function judge({ version, end, transcript, deadlineMs }: CodexEvidence, stderr: StderrFacts): { end: End; problem?: Problem } {
  const codex = `codex ${version}`
  const exit = end.signal === null ? `exit code ${end.exitCode ?? 'unknown'}` : `signal ${end.signal}`
  const said = stderr.reason !== undefined ? `stderr: ${stderr.reason}` : stderr.spoke ? 'it gave no reason on stderr' : 'it said nothing on stderr'
  const hint = stderr.reason === undefined ? '' : `; stderr: ${stderr.reason}`

  switch (end.cause) {
    case 'deadline':
    case 'silence': {
      const limit = end.cause === 'deadline' ? `did not end within its ${deadlineMs / 1000} s` : 'was stopped for its silence'
      if (transcript.events === 0) {
        return { end: 'silent', problem: { class: 'agent-hang', diagnosis: `${codex} ${limit} and wrote no event; ${said}` } }
      }
      return { end: 'deadline', problem: { class: 'agent-hang', diagnosis: `${codex} ${limit}; ${whereItStood(transcript)}${hint}` } }
    }
    case 'aborted':
    case 'stopped':
      return { end: 'interrupted', problem: { class: 'interrupted', diagnosis: `${codex} was stopped by the run; ${whereItStood(transcript)}` } }
    case 'exit':
      break
  }

  // 0.50 has no `required`: it goes on, names the dead server in an error event, and ends with 1.
  const deadServer = stderr.requiredServers ?? transcript.errors.find((message) => /^MCP client for .* failed to start/.test(message))
  if (deadServer !== undefined && end.exitCode !== 0) {
    return {
      end: 'failed',
      problem: {
        class: 'agent-startup',
        diagnosis: `${codex} could not start an MCP server under test: ${deadServer}`,
        remedy: "start that server's command by hand in the kept workspace, or open the stack's own log",
      },
    }
  }
  if (transcript.turn === 'failed') {
    return { end: 'failed', problem: { class: 'model', diagnosis: `${codex}: the turn failed: ${readable(transcript.failure ?? 'no reason given')}` } }
  }
  if (transcript.turn === 'completed' && end.exitCode === 0) {
    const problem = unreadable(codex, transcript)
    return { end: 'completed', ...(problem && { problem }) }
  }
  if (end.signal !== null) {
    return { end: 'interrupted', problem: { class: 'interrupted', diagnosis: `${codex} was ended from outside by ${exit}; ${whereItStood(transcript)}${hint}` } }
  }
  if (transcript.turn === 'completed') {
    return { end: 'failed', problem: { class: 'agent-protocol', diagnosis: `${codex} completed its turn, but ended with ${exit}; ${said}` } }
  }
  const broken = unreadable(codex, transcript)
  if (end.exitCode !== 0) {
    if (broken) return { end: 'interrupted', problem: broken }
    if (transcript.turn === 'none') {
      // What clap says of a flag that is gone, or of a value that is: the help that was asked said otherwise.
      const refused = /unexpected argument '([^']+)'|invalid value '[^']*' for '([^' ]+)/.exec(stderr.reason ?? '')
      if (refused) {
        const flag = refused[1] ?? refused[2] ?? ''
        return { end: 'failed', problem: { class: 'agent-protocol', diagnosis: `${codex} does not take ${flag} as its own \`exec --help\` says: it ended with ${exit} before its turn began; ${said}`, remedy: otherVersion } }
      }
      const remedy = end.exitCode === 2 ? { remedy: 'compare the flags in the process log with `codex exec --help` of that version' } : {}
      return { end: 'failed', problem: { class: 'agent-startup', diagnosis: `${codex} ended with ${exit} before its turn began; ${said}`, ...remedy } }
    }
    return { end: 'interrupted', problem: { class: 'interrupted', diagnosis: `${codex} ended with ${exit} in mid-turn; ${whereItStood(transcript)}${hint}` } }
  }
  return {
    end: transcript.events === 0 ? 'silent' : 'interrupted',
    problem: broken ?? { class: 'agent-protocol', diagnosis: `${codex} ended with exit code 0, but never wrote turn.completed; ${whereItStood(transcript)}${hint}` },
  }
}

function unreadable(codex: string, { unparsed, cutLine }: Transcript): Problem | undefined {
  const first = unparsed[0] ?? cutLine
  if (!first) return undefined
  const count = unparsed.length + (cutLine ? 1 : 0)
  const how = first === cutLine ? 'is cut off' : 'is no event this parser knows how to read'
  const others = count > 1 ? ` (${count} such lines in all)` : ''
  return { class: 'agent-protocol', diagnosis: `${codex}: line ${first.line} of its transcript ${how}${others}: ${shorten(first.text)}` }
}

/** The last event and what was under way, so that a hang names its place. */
function whereItStood({ lastEvent, calls, turn, cutLine }: Transcript): string {
  const open = calls.filter(({ status }) => status === 'abandoned').map((call) =>
    `${call.server}/${call.tool}${call.arguments === undefined ? '' : ` ${shorten(JSON.stringify(call.arguments))}`}`)
  const waiting = open.length > 0
    ? `open call: ${open.join(', ')}`
    : turn === 'started' ? 'no call was open: it waited for the model' : `turn: ${turn}`
  const cut = cutLine ? `; its last line is cut off: ${shorten(cutLine.text)}` : ''
  return `last event: ${lastEvent ?? 'none'}; ${waiting}${cut}`
}

/** The sentence inside an HTTP error body, which Codex hands on as raw JSON. */
function readable(failure: string): string {
  const start = failure.indexOf('{')
  if (start === -1) return failure
  try {
    const body: unknown = JSON.parse(failure.slice(start))
    if (typeof body !== 'object' || body === null || !('error' in body)) return failure
    const { error } = body
    if (typeof error !== 'object' || error === null || !('message' in error) || typeof error.message !== 'string') return failure
    return failure.slice(0, start) + error.message
  } catch {
    return failure
  }
}

const shorten = (text: string): string => (text.length > 200 ? `${excerpt(text, 200)}...` : text)
