import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startScriptedModel, type ModelRecord, type ScriptCall, type ScriptedModelOptions, type ScriptTurn } from '../../models/scripted.ts'
import { createProcessHost } from '../../processes/host.ts'
import type { AgentOutcome, McpWiring } from '../agent.ts'
import { resolveCodex } from './binary.ts'
import { codexAgent } from './codex.ts'

// The real Codex CLI, a real MCP server and the scripted model; nothing else, and nothing but loopback.

const oddArguments = ['plain', 'with "double" and \'single\'', 'back\\slash\\', 'päth/日本語/😀', 'a=b,c]}', '$HOME #no', '']
const echo: McpWiring = {
  transport: 'stdio', command: process.execPath,
  args: [fileURLToPath(new URL('./fixtures/echo-server.mjs', import.meta.url)), ...oddArguments], env: { ECHO_VARIABLE: 'a "b"\\c' },
}
const dead: McpWiring = { transport: 'stdio', command: process.execPath, args: ['-e', 'process.exit(3)'], env: {} }

const call = (tool: string, args: ScriptCall['arguments'] = {}, server = 'echo'): ScriptCall => ({ server, tool, arguments: args })

interface Play {
  readonly turns: readonly ScriptTurn[]
  readonly servers?: Record<string, McpWiring>
  readonly model?: ScriptedModelOptions
  readonly deadlineMs?: number
  /** Aborts once Codex has written this text to its transcript. */
  readonly abortAt?: string
}

interface Played {
  readonly outcome: AgentOutcome
  readonly model: ModelRecord
  readonly transcript: string
  readonly stderr: string
  readonly modelLog: string
}

// Another Codex can be tried with this variable; the pinned one is the default.
const file = resolveCodex(process.env.CODEX_UNDER_TEST)

async function play({ turns, servers = { echo }, model: modelOptions = {}, deadlineMs = 30_000, abortAt }: Play): Promise<Played> {
  const root = await mkdtemp(join(tmpdir(), 'codex-test-'))
  const at = (name: string): string => join(root, name)
  // Codex warns about a home inside the temporary folder, so its temporary folder is another one.
  const env = { PATH: process.env.PATH ?? '', HOME: root, TMPDIR: at('tmp') }
  const modelLog = at('model.ndjson')
  const model = await startScriptedModel({ turns }, { ...modelOptions, modelLog })
  const abort = new AbortController()
  try {
    await mkdir(at('repo'))
    await mkdir(at('tmp'))
    const agent = await codexAgent({ file, env })
    const host = createProcessHost(at('ledger.ndjson'))
    const session = {
      stage: 'test', prompt: '--not-a-flag: play the script', cwd: at('repo'), home: at('home'), env, servers, model: model.endpoint,
      transcript: at('transcript.jsonl'), stderr: at('stderr.log'), deadlineMs, signal: abort.signal,
    }
    const outcome = await agent.run(session, abortAt === undefined ? host : {
      start: (command) => host.start({ ...command, onLine: (line, stream, shown) => {
        command.onLine?.(line, stream, shown)
        if (line.includes(abortAt)) abort.abort()
      } }),
    })
    const text = (path: string): Promise<string> => readFile(path, 'utf8')
    return { outcome, model: await model.finish(), transcript: await text(session.transcript), stderr: await text(session.stderr), modelLog: await text(modelLog).catch(() => '') }
  } finally {
    await model.finish()
    await rm(root, { recursive: true, force: true })
  }
}

test('a call of a destructive tool is approved, arrives unharmed, and its answer goes back to the model', async () => {
  const { outcome, model, stderr, modelLog } = await play({ turns: [[call('echo', { message: 'first' })], [call('echo', { message: 'second' }), call('echo', { message: 'third' })]] })
  expect(outcome).toMatchObject({ end: 'completed', exitCode: 0, signal: null, unknownTools: [], messages: ['done'] })
  expect(outcome.problem).toBeUndefined()
  expect(outcome.calls).toHaveLength(3)
  expect(outcome.calls[0]?.arguments).toEqual({ message: 'first' })
  // Calls of one response run side by side; which of them the transcript shows first is open.
  expect(new Set(outcome.calls.map(({ server, tool, arguments: args, status }) => JSON.stringify({ server, tool, args, status })))).toEqual(
    new Set(['first', 'second', 'third'].map((message) => JSON.stringify({ server: 'echo', tool: 'echo', args: { message }, status: 'completed' }))),
  )
  expect(outcome.usage).toMatchObject({ input_tokens: 30, output_tokens: 15 })
  expect(model).toMatchObject({ requests: 3, expectedRequests: 3, missing: [], problems: [], shortfall: undefined })
  expect(model.offeredTools).toEqual(['echo/echo', 'echo/fail', 'echo/hold'])
  expect(model.outputs.map(({ tool, unsupported }) => ({ tool, unsupported }))).toEqual(Array(3).fill({ tool: 'echo', unsupported: false }))
  const answer = outcome.calls[0]?.result as { content: [{ text: string }] }
  expect(JSON.parse(answer.content[0].text)).toEqual({ message: 'first', argv: oddArguments, variable: 'a "b"\\c' })
  expect(stderr).not.toContain('temporary dir')
  expect(modelLog.trim().split('\n')).toHaveLength(3)
  expect(modelLog).toContain('--not-a-flag: play the script')
  expect(modelLog + stderr).not.toContain('Bearer')
})

test('a tool that is not offered is attempted all the same, and Codex says it is unknown', async () => {
  const { outcome, model } = await play({ turns: [[call('vanish')], [call('echo')]] })
  expect(outcome.end).toBe('completed')
  expect(outcome.problem).toBeUndefined()
  expect(outcome.calls.map(({ tool }) => tool)).toEqual(['echo'])
  expect(model.missing).toEqual([{ server: 'echo', tool: 'vanish', offered: ['echo/echo', 'echo/fail', 'echo/hold'] }])
  expect(model.outputs.map(({ tool, unsupported }) => ({ tool, unsupported }))).toEqual([{ tool: 'vanish', unsupported: true }, { tool: 'echo', unsupported: false }])
  expect(model.problems).toEqual([])
})

test('the pinned Codex names an unknown tool on stderr', async () => {
  const { outcome } = await play({ turns: [[call('vanish')]] })
  expect(outcome.unknownTools).toEqual(['mcp__echovanish'])
})

test('a tool that answers with isError is a failed call with a result, not an error', async () => {
  const { outcome } = await play({ turns: [[call('fail')]] })
  expect(outcome.end).toBe('completed')
  expect(outcome.calls).toMatchObject([{ tool: 'fail', status: 'failed', result: { content: [{ text: 'failed as asked' }] } }])
  expect(outcome.calls[0]?.error).toBeUndefined()
})

test('a required server that dies is named, and the model is never asked', async () => {
  const { outcome, model, transcript } = await play({ turns: [[call('echo')]], servers: { echo, dead } })
  expect(outcome).toMatchObject({ end: 'failed', exitCode: 1, calls: [] })
  expect(outcome.problem).toMatchObject({ class: 'agent-startup' })
  expect(outcome.problem?.diagnosis).toMatch(/required MCP servers failed to initialize: dead/)
  expect(transcript).toBe('')
  expect(model).toMatchObject({ requests: 0, problems: [] })
  expect(model.shortfall).toBe('the model was asked 0 times, the script has 2 answers')
})

test('a model that never answers is a hang at the deadline, and says where it stood', async () => {
  const { outcome } = await play({ turns: [], model: { faults: [{ request: 1, hang: 'headers' }] }, deadlineMs: 8000 })
  expect(outcome.end).toBe('deadline')
  expect(outcome.problem).toMatchObject({ class: 'agent-hang' })
  expect(outcome.problem?.diagnosis).toMatch(/did not end within its 8 s; last event: turn\.started .*waited for the model/)
})

test('a model that falls silent in mid-stream is given up by Codex itself, before the deadline', async () => {
  const { outcome } = await play({ turns: [], model: { faults: [{ request: 1, hang: 'stream' }] }, deadlineMs: 15_000 })
  expect(outcome).toMatchObject({ end: 'failed', exitCode: 1, problem: { class: 'model' } })
  expect(outcome.problem?.diagnosis).toContain('idle timeout waiting for SSE')
})

test('a tool that never answers is given up by Codex itself, and the call says so', async () => {
  const { outcome } = await play({ turns: [[call('hold')]], deadlineMs: 15_000 })
  expect(outcome.end).toBe('completed')
  expect(outcome.calls).toMatchObject([{ tool: 'hold', status: 'failed' }])
  expect(outcome.calls[0]?.error).toMatch(/timed out awaiting tools\/call/)
})

test('an HTTP 500 of the model ends the turn at the first request', async () => {
  const { outcome, model } = await play({ turns: [], model: { faults: [{ request: 1, status: 500 }] } })
  expect(outcome).toMatchObject({ end: 'failed', exitCode: 1, problem: { class: 'model' } })
  expect(model.requests).toBe(1)
})

test('a stream that is cut after a call keeps the call and fails the turn', async () => {
  const { outcome } = await play({ turns: [[call('echo')]], model: { faults: [{ request: 2, cut: true }] } })
  expect(outcome).toMatchObject({ end: 'failed', problem: { class: 'model' }, calls: [{ tool: 'echo', status: 'completed' }] })
})

test('what the scripted model refuses reaches the diagnosis as its own sentence', async () => {
  const { outcome, model } = await play({ turns: [[call('vanish')]], model: { whenMissing: 'refuse' } })
  const sentence = 'tool echo/vanish is not offered; offered: echo/echo, echo/fail, echo/hold'
  expect(model.problems).toEqual([sentence])
  expect(outcome.problem).toMatchObject({ class: 'model' })
  expect(outcome.problem?.diagnosis).toContain(sentence)
})

test('a session stopped from outside in mid-call is interrupted, with the call open', async () => {
  const { outcome } = await play({ turns: [[call('hold')]], abortAt: '"tool":"hold"' })
  expect(outcome).toMatchObject({ end: 'interrupted', problem: { class: 'interrupted' }, calls: [{ tool: 'hold', status: 'abandoned' }] })
  expect(outcome.problem?.diagnosis).toContain('open call: echo/hold')
})

test('a file that cannot be started is said with its reason', async () => {
  await expect(codexAgent({ file: join(tmpdir(), 'no-such-codex'), env: {} })).rejects.toThrow(/agent-protocol: .*no-such-codex .*cannot be started.*ENOENT/)
})
