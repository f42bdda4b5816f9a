import { expect, test } from 'vitest'
import type { AgentOutcome, ObservedCall } from '../agents/agent.ts'
import type { ReceivedCall } from '../suite.ts'
import { judgeStage, type Expectation, type StageEvidence } from './judge.ts'

const grep: Expectation = { server: 's', tool: 'grep', arguments: { pattern: 'x' }, effect: 'it is found', verifyEffect: () => Promise.resolve() }
const read: Expectation = { ...grep, tool: 'read', arguments: { path: 'a' } }
const seen = (call: Expectation, more: Partial<ObservedCall> = {}): ObservedCall => ({
  server: 's', tool: call.tool, arguments: call.arguments, status: 'completed',
  result: { content: [{ type: 'text', text: 'hit' }] }, ...more,
})
const logged = (call: Expectation, more: Partial<ReceivedCall> = {}): ReceivedCall => ({
  tool: call.tool, arguments: call.arguments, ok: true, client: 'agent', ...more,
})
const evidence = (calls: ObservedCall[], received: ReceivedCall[], more: Partial<StageEvidence> = {}, outcome: Partial<AgentOutcome> = {}): StageEvidence => ({
  outcome: { end: 'completed', exitCode: 0, signal: null, durationMs: 1, calls, unknownTools: [], usage: {}, messages: [], ...outcome },
  offered: ['s/grep', 's/read'], modelProblems: [], received, files: ['t.jsonl'], ...more,
})

test('what follows from the first cause stands under it', async () => {
  const { verdict } = await judgeStage([read, grep], evidence([], [logged(grep)], { offered: ['s/grep'] }))
  expect(verdict).toMatchObject({ class: 'tool-missing', consequences: [expect.stringMatching(/^evidence-conflict: the server received grep/)] })
})

test('a call that a person has not made is for a person to make', async () => {
  expect((await judgeStage([grep], evidence([], [], { actor: 'the person' }))).verdict).toMatchObject({ class: 'manual', diagnosis: expect.stringMatching(/^the person did not call grep/) as string })
})

const answers = ['attempted', 'executed', 'effective'] as const
type Row = readonly [title: string, expected: Expectation[], evidence: StageEvidence, verdict: string | undefined, answers: string[], words?: RegExp]

const rows: Row[] = [
  ['all is well', [grep], evidence([seen(grep)], [logged(grep)]), undefined, ['yes yes yes']],
  ['two calls in order', [read, grep], evidence([seen(read), seen(grep)], [logged(read), logged(grep)]), undefined, ['yes yes yes', 'yes yes yes']],
  ['two calls in the wrong order', [read, grep], evidence([seen(grep), seen(read)], [logged(grep), logged(read)]), 'not-attempted', ['yes yes yes', 'no unknown unknown'], /did not call grep .* in its turn; it called grep .*, read/],
  ['the same call expected twice, made once', [grep, grep], evidence([seen(grep)], [logged(grep)]), 'not-attempted', ['yes yes yes', 'no unknown unknown']],
  ['other arguments', [grep], evidence([seen(grep, { arguments: { pattern: 'y' } })], []), 'not-attempted', ['no unknown unknown'], /it called grep \{"pattern":"y"\}/],
  ['a tool that was not offered', [grep], evidence([], [], { offered: ['s/read'] }), 'tool-missing', ['no unknown unknown'], /grep of server s was not offered to the agent; offered: s\/read/],
  ['an agent that never asked what it is offered', [grep], evidence([], [], { offered: [], modelRequests: 0 }), 'not-attempted', ['no unknown unknown'], /it called nothing, and never asked the model/],
  ['a call of that name to another server', [grep], evidence([seen(grep, { server: 'other' })], []), 'not-attempted', ['no unknown unknown']],
  ['a tool that went away after it had been offered', [grep], evidence([], [], { missing: ['s/grep'] }), 'tool-missing', ['no unknown unknown']],
  ['the agent claims what the stack never saw', [grep], evidence([seen(grep)], []), 'evidence-conflict', ['yes no unknown'], /own log has no such call/],
  ['the stack saw what the agent hides', [grep], evidence([], [logged(grep)]), 'evidence-conflict', ['no yes unknown'], /transcript does not show it/],
  ['the agent is refused', [grep], evidence([seen(grep, { status: 'failed', result: undefined, error: 'requires approval' })], []), 'tool-failed', ['yes no unknown'], /requires approval/],
  ['the tool answers with an error', [grep], evidence([seen(grep, { status: 'failed', result: { content: [{ text: 'boom' }] } })], [logged(grep, { ok: false })]), 'tool-failed', ['yes no unknown'], /boom/],
  ['the stack logged a failure, the agent none', [grep], evidence([seen(grep)], [logged(grep, { ok: false, error: 'broke' })]), 'evidence-conflict', ['yes no unknown'], /broke/],
  ['a call that never ended', [grep], evidence([seen(grep, { status: 'abandoned', result: undefined })], [logged(grep)]), 'tool-failed', ['yes no unknown'], /never reported an end/],
  ['no effect', [{ ...grep, verifyEffect: () => Promise.reject(new Error('nothing there')) }], evidence([seen(grep)], [logged(grep)]), 'not-effective', ['yes yes no'], /without effect \(it is found\): nothing there/],
  ['a script the agent did not follow comes before the failed turn it caused', [grep], evidence([], [], { modelProblems: ['request 2 lacks the output'] }, { end: 'failed', problem: { class: 'model', diagnosis: 'HTTP 400' } }), 'model-script', ['no unknown unknown'], /request 2/],
  ['a hang comes before the script it broke', [grep], evidence([], [], { modelProblems: ['1 of 2 requests'] }, { end: 'deadline', problem: { class: 'agent-hang', diagnosis: 'no event for 60 s' } }), 'agent-hang', ['no unknown unknown'], /no event/],
  ['an agent that asked the model too rarely, with nothing else wrong', [grep], evidence([seen(grep)], [logged(grep)], { shortfall: 'asked once' }), 'model-script', ['yes yes yes'], /asked once/],
  ['a better reason comes before the shortfall', [grep], evidence([seen(grep)], [], { shortfall: 'asked once' }), 'evidence-conflict', ['yes no unknown']],
  ['an agent that failed after every call', [grep], evidence([seen(grep)], [logged(grep)], {}, { end: 'failed', problem: { class: 'model', diagnosis: 'gone' } }), 'model', ['yes yes yes']],
]

for (const [title, expected, given, verdict, findings, words] of rows) test(title, async () => {
  const judgement = await judgeStage(expected, given)
  expect(judgement.verdict?.class).toBe(verdict)
  expect(judgement.calls.map((call) => answers.map((question) => call[question].answer).join(' '))).toEqual(findings)
  if (words) expect(judgement.verdict?.diagnosis).toMatch(words)
  if (judgement.verdict) expect(judgement.verdict.evidence).toEqual(['t.jsonl'])
})
