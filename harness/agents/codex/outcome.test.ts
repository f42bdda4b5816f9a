import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { AgentOutcome } from '../agent.ts'
import { outcomeOf, type CodexEvidence } from './outcome.ts'
import { parseTranscript } from './transcript.ts'

const versions = ['0.63.0', '0.100.0', '0.169.0']

function fixture(version: string, name: string, extension: string): string {
  const url = new URL(`./fixtures/${version}/${name}.${extension}`, import.meta.url)
  return existsSync(url) ? readFileSync(url, 'utf8') : ''
}

const judge = (transcript: string, end: Partial<CodexEvidence['end']>, stderr = ''): AgentOutcome => outcomeOf({
  version: '0.169.0', end: { exitCode: 0, signal: null, durationMs: 5, cause: 'exit', ...end },
  transcript: parseTranscript(transcript), stderrLines: stderr.split('\n'), deadlineMs: 20_000,
})

// Recorded runs: the exit code as it was, and what must come of it.
const recorded = [
  { name: 'ok', exitCode: 0, end: 'completed', problem: undefined },
  { name: 'iserror', exitCode: 0, end: 'completed', problem: undefined },
  { name: 'rpcerr', exitCode: 0, end: 'completed', problem: undefined },
  { name: 'missing_ns', exitCode: 0, end: 'completed', problem: undefined },
  { name: 'empty_completed', exitCode: 0, end: 'completed', problem: undefined },
  { name: 'second_500', exitCode: 1, end: 'failed', problem: /^model .*high demand/ },
  { name: 'http400', exitCode: 1, end: 'failed', problem: /^model .*: (unexpected status 400 Bad Request: )?scripted error$/ },
  { name: 'http401', exitCode: 1, end: 'failed', problem: /^model .*401 Unauthorized/ },
  { name: 'http500', exitCode: 1, end: 'failed', problem: /^model / },
  { name: 'hang_idle3s', exitCode: 1, end: 'failed', problem: /^model .*idle timeout waiting for SSE/ },
  { name: 'closed_after_item', exitCode: 1, end: 'failed', problem: /^model .*stream closed before response\.completed/ },
  { name: 'destroy_socket', exitCode: 1, end: 'failed', problem: /^model .*error sending request/ },
] as const

test.each(versions.flatMap((version) => recorded.map((row) => ({ version, ...row }))))('$version $name is $end', ({ version, name, exitCode, end, problem }) => {
  const outcome = judge(fixture(version, name, 'jsonl'), { exitCode }, fixture(version, name, 'stderr'))
  expect(outcome.end).toBe(end)
  const said = outcome.problem && `${outcome.problem.class} ${outcome.problem.diagnosis}`
  if (problem) expect(said).toMatch(problem)
  else expect(said).toBeUndefined()
  // Only stderr tells of a tool that is not known, and only in newer versions.
  expect(outcome.unknownTools).toEqual(name === 'missing_ns' && version === '0.169.0' ? ['mcp__probenope'] : [])
})

test.each(['0.100.0', '0.169.0'])('a configuration that %s refuses is a failed start', (version) => {
  const outcome = judge(fixture(version, 'chat', 'jsonl'), { exitCode: 1 }, fixture(version, 'chat', 'stderr'))
  expect(outcome).toMatchObject({ end: 'failed', problem: { class: 'agent-startup' } })
  expect(outcome.problem?.diagnosis).toMatch(/ended with exit code 1 before its turn began; stderr: Error loading config\.toml: .*`wire_api = "chat"`/)
})

const started = '{"type":"thread.started","thread_id":"t"}\n{"type":"turn.started"}\n'
const call = '{"type":"item.started","item":{"id":"1","type":"mcp_tool_call","server":"s","tool":"slow","arguments":{"a":1},"status":"in_progress"}}\n'
const done = '{"type":"turn.completed","usage":{}}\n'
const failed = '{"type":"turn.failed","error":{"message":"no model"}}\n'
const required = 'Error: required MCP servers failed to initialize: dead: connection closed'

interface Row {
  readonly case: string
  readonly transcript: string
  readonly process: Partial<CodexEvidence['end']>
  readonly stderr?: string
  readonly end: AgentOutcome['end']
  readonly class: string | undefined
  readonly says?: RegExp
}

const rows: readonly Row[] = [
  { case: 'turn.completed and exit code 0', transcript: started + done, process: {}, end: 'completed', class: undefined },
  { case: 'exit code 0 without turn.completed', transcript: started, process: {}, end: 'interrupted', class: 'agent-protocol', says: /exit code 0, but never wrote turn\.completed; last event: turn\.started \(line 2\)/ },
  { case: 'exit code 0 without a line', transcript: '', process: {}, end: 'silent', class: 'agent-protocol' },
  { case: 'turn.completed, but exit code 1', transcript: started + done, process: { exitCode: 1 }, end: 'failed', class: 'agent-protocol', says: /completed its turn, but ended with exit code 1/ },
  { case: 'turn.completed, then a signal', transcript: started + done, process: { exitCode: null, signal: 'SIGTERM' }, end: 'interrupted', class: 'interrupted', says: /signal SIGTERM/ },
  { case: 'turn.failed, exit code 0', transcript: started + failed, process: {}, end: 'failed', class: 'model', says: /no model/ },
  { case: 'exit code 1 in mid-turn', transcript: started + call, process: { exitCode: 1 }, end: 'interrupted', class: 'interrupted', says: /in mid-turn; .*open call: s\/slow \{"a":1\}/ },
  { case: 'a signal in mid-turn', transcript: started + call, process: { exitCode: null, signal: 'SIGKILL' }, end: 'interrupted', class: 'interrupted', says: /SIGKILL.*open call: s\/slow/ },
  { case: 'a flag that is not known', transcript: '', process: { exitCode: 2 }, stderr: "error: unexpected argument '--x' found", end: 'failed', class: 'agent-protocol', says: /does not take --x .*exit code 2 .*unexpected argument '--x'/ },
  { case: 'a start that fails in silence', transcript: '', process: { exitCode: 1 }, end: 'failed', class: 'agent-startup', says: /; it said nothing on stderr$/ },
  { case: 'a start that fails with only what is said each time', transcript: '', process: { exitCode: 1 }, stderr: 'Reading additional input from stdin...\n', end: 'failed', class: 'agent-startup', says: /; it gave no reason on stderr$/ },
  { case: 'a required server that is dead', transcript: '', process: { exitCode: 1 }, stderr: required, end: 'failed', class: 'agent-startup', says: /required MCP servers failed to initialize: dead: connection closed/ },
  { case: 'a dead server as 0.50 says it', transcript: `${started}{"type":"error","message":"MCP client for \`probe\` failed to start"}\n${done}`, process: { exitCode: 1 }, end: 'failed', class: 'agent-startup', says: /MCP client for `probe`/ },
  { case: 'the deadline, without a line', transcript: '', process: { cause: 'deadline', exitCode: 1 }, end: 'silent', class: 'agent-hang', says: /did not end within its 20 s and wrote no event/ },
  { case: 'the deadline in a call', transcript: started + call, process: { cause: 'deadline', exitCode: 0 }, end: 'deadline', class: 'agent-hang', says: /last event: item\.started mcp_tool_call s\/slow \(line 3\); open call: s\/slow/ },
  { case: 'the deadline while the model thinks', transcript: started, process: { cause: 'deadline', exitCode: 1 }, end: 'deadline', class: 'agent-hang', says: /waited for the model/ },
  { case: 'the deadline after turn.completed', transcript: started + done, process: { cause: 'deadline' }, end: 'deadline', class: 'agent-hang', says: /turn: completed/ },
  { case: 'the deadline in mid-line', transcript: `${started}{"type":"item.sta`, process: { cause: 'deadline' }, end: 'deadline', class: 'agent-hang', says: /last line is cut off: \{"type":"item\.sta/ },
  { case: 'silence', transcript: started, process: { cause: 'silence' }, end: 'deadline', class: 'agent-hang' },
  { case: 'the run was stopped', transcript: started + call, process: { cause: 'aborted', exitCode: 1 }, end: 'interrupted', class: 'interrupted' },
  { case: 'a bad line in a completed turn', transcript: `${started}oops\n${done}`, process: {}, end: 'completed', class: 'agent-protocol', says: /line 3 of its transcript is no event .*: oops/ },
  { case: 'nothing but bad lines', transcript: 'oops\nagain\n', process: {}, end: 'silent', class: 'agent-protocol', says: /line 1 .*\(2 such lines in all\)/ },
  { case: 'bad lines and exit code 1', transcript: 'oops\n', process: { exitCode: 1 }, end: 'interrupted', class: 'agent-protocol' },
  { case: 'a transcript that ends in mid-line', transcript: `${started}{"type":"turn.com`, process: {}, end: 'interrupted', class: 'agent-protocol', says: /line 3 of its transcript is cut off/ },
]

test.each(rows)('$case: $end, $class', (row) => {
  const outcome = judge(row.transcript, row.process, row.stderr)
  expect(outcome.end).toBe(row.end)
  expect(outcome.problem?.class).toBe(row.class)
  if (row.says) expect(outcome.problem?.diagnosis).toMatch(row.says)
})
