import { existsSync } from 'node:fs'
import { relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Agent } from '../agents/agent.ts'
import { startScriptedModel } from '../models/scripted.ts'
import type { ProcessHost } from '../processes/process.ts'
import type { StageRecord } from '../record.ts'
import type { Redactor } from '../redaction/redactor.ts'
import type { AgentWiring, ReceivedCall, StageDefinition, StepContext } from '../suite.ts'
import { VerdictError } from '../verdict.ts'
import { sessionRecord } from './conversation.ts'
import { judgeStage, type Expectation } from './judge.ts'

/** A stage, whoever plays it. */
export interface StageSession {
  readonly name: string
  readonly definition: StageDefinition<never>
  readonly facts: never
  readonly context: StepContext
  readonly wiring: AgentWiring
  readonly deadlineMs: number
  /** Path of the transcript, `<stage>.jsonl`; the other files of the stage stand beside it. */
  readonly transcript: string
  readonly record: (stage: StageRecord) => void
}

/** A stage that an agent plays. */
export interface StageRun extends StageSession {
  readonly agent: Agent
  readonly host: ProcessHost
  readonly redactor: Redactor
}

/** How long a stack may take to write down what it received. Milliseconds. */
const settleMs = 2000

/** The calls logged since the stage began; a stack that buffers its log gets a moment for as many as the agent completed. */
async function receivedSince(before: number, completed: number, wiring: AgentWiring): Promise<readonly ReceivedCall[]> {
  const deadline = performance.now() + settleMs
  for (;;) {
    const received = (await wiring.receivedCalls()).slice(before)
    if (received.length >= completed || performance.now() > deadline) return received
    await delay(50)
  }
}

/** The calls of a stage, with the checks of their effects bound to where they are made. */
export function expectationsOf({ definition, context, facts }: Pick<StageSession, 'definition' | 'context' | 'facts'>): Expectation[] {
  return definition.calls.map((call) => ({
    ...call, verifyEffect: (evidence) => call.verifyEffect(evidence, { ...context, facts }),
  }))
}

/** Lets the agent play a stage against the stack and judges what came of it. @throws VerdictError with the first cause */
export async function runStage(run: StageRun): Promise<void> {
  const { name, definition, facts, context, agent, wiring, transcript } = run
  const stderr = transcript.replace(/\.jsonl$/, '.stderr.log')
  const modelLog = transcript.replace(/\.jsonl$/, '.model.ndjson')
  const prompt = definition.prompt(facts)
  const before = (await wiring.receivedCalls()).length
  const model = await startScriptedModel(
    { turns: definition.calls.map(({ server, tool, arguments: args }) => [{ server, tool, arguments: args }]) },
    { modelLog, redactor: run.redactor },
  )
  let outcome, seen
  try {
    outcome = await agent.run(
      {
        stage: name, prompt, cwd: wiring.cwd, home: context.paths.agentHome, env: context.env, servers: wiring.servers,
        model: model.endpoint, transcript, stderr, deadlineMs: run.deadlineMs, signal: context.signal,
      },
      run.host,
    )
  } finally {
    seen = await model.finish()
  }
  const received = await receivedSince(before, outcome.calls.filter(({ status }) => status === 'completed').length, wiring)
  const shown = (path: string): string => relative(context.paths.root, path)
  const { calls, verdict } = await judgeStage(
    expectationsOf(run),
    { outcome, offered: seen.offeredTools, missing: seen.missing.map(({ server, tool }) => `${server}/${tool}`), modelRequests: seen.requests, modelProblems: seen.problems, shortfall: seen.shortfall, received, files: [transcript, stderr, modelLog].filter((file) => existsSync(file)).map(shown) },
  )
  run.record({
    agent: { name: agent.name, version: agent.version, file: agent.file }, model: model.endpoint.name,
    transcript: shown(transcript), stderr: shown(stderr), ...(existsSync(modelLog) && { modelLog: shown(modelLog) }),
    end: outcome.end, exitCode: outcome.exitCode, modelRequests: seen.requests, usage: { ...outcome.usage },
    offeredTools: [...seen.offeredTools],
    ...sessionRecord({ prompt, calls: [...calls] }, outcome, received, (text) => run.redactor.text(text)),
  })
  if (verdict) throw new VerdictError(verdict)
}
