import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { Agent, AgentOutcome, McpWiring } from '../agents/agent.ts'
import { filtersOf, goOnCommand } from '../go-on.ts'
import { shellWord } from '../shell-word.ts'
import type { SandboxState } from '../sandbox/state.ts'
import type { WorkspacePaths } from '../sandbox/workspace-paths.ts'
import type { Redactor } from '../redaction/redactor.ts'
import type { AnyLane, AnySuite, ReceivedCall, StageDefinition } from '../suite.ts'
import { clientName } from '../stack/probe.ts'
import { VerdictError } from '../verdict.ts'
import { sessionRecord } from './conversation.ts'
import { judgeStage } from './judge.ts'
import { Paused } from './pause.ts'
import type { RunInfo } from './run-info.ts'
import { expectationsOf, type StageSession } from './run-stage.ts'

/** How a stage that a person plays stands. */
type Standing = 'not yet' | 'waiting' | 'passed' | 'failed' | 'played by the agent'

interface ResultFile {
  readonly schema: 1
  readonly run: string
  readonly suite: string
  readonly stages: { lane: string; stage: string; standing: Standing; calls?: unknown }[]
}

type Waiting = NonNullable<SandboxState['paused']>

export interface ManualParts {
  readonly info: RunInfo
  readonly suite: AnySuite
  readonly paths: WorkspacePaths
  readonly env: Readonly<Record<string, string>>
  readonly redactor: Redactor
  /** The stage for which an earlier run has stopped. */
  readonly waiting: Waiting | undefined
}

/**
 * Stages that a person plays in the agent's place. A run stops right before such a stage and says what is to be done;
 * the run that goes on takes the calls from the stack's own log and judges them by the same checks.
 */
export class ManualStages {
  readonly #parts: ManualParts
  #waiting: Waiting | undefined
  #byHand: Waiting | undefined

  constructor(parts: ManualParts) {
    this.#parts = parts
    this.#waiting = parts.waiting
  }

  /** The stage that waits for a person, or waits again because it was not done rightly. */
  get waiting(): Waiting | undefined {
    return this.#waiting
  }

  pageOf(lane: string): string {
    return join(this.#parts.paths.root, `manual_stage_${lane}.md`)
  }

  /** True when the run is to stop before this stage; what a person needs is then written down. */
  async takesOver(lane: string, session: StageSession, agent: () => Promise<Agent>): Promise<boolean> {
    const { manual, manualStage } = this.#parts.info.options
    const asked = manual || manualStage === lane
    const log = await session.wiring.receivedCalls()
    const received = log.length
    if (this.#isWaitingFor(lane, session.name)) {
      const { received: mark = 0, seen = mark } = this.#waiting ?? {}
      // Asked to stop here again: where nothing was done since it was looked at, there is nothing to judge yet.
      if (!asked || log.slice(seen).some(byPerson)) {
        this.#byHand = this.#waiting
        return false
      }
    } else if (!asked) {
      return false
    }
    const again = this.#isWaitingFor(lane, session.name) ? this.#waiting?.received : undefined
    this.#waiting = { lane, stage: session.name, received: again ?? received }
    this.#write(lane, session, await agent())
    return true
  }

  pause(lane: string, stage: string): Paused {
    return new Paused(stage, this.pageOf(lane))
  }

  wasDoneByHand(lane: string, stage: string): boolean {
    return this.#byHand?.lane === lane && this.#byHand.stage === stage
  }

  /** Judges what a person did since the run stopped, by what the stack logged. @throws VerdictError with the first cause */
  async judge(lane: string, session: StageSession): Promise<void> {
    const { name, definition, context, wiring, record } = session
    const mark = this.#byHand?.received ?? 0
    const log = await wiring.receivedCalls()
    const received = log.slice(mark).filter(byPerson)
    const transcript = session.transcript.replace(/\.jsonl$/, '.by-hand.ndjson')
    writeFileSync(transcript, received.map((call) => `${JSON.stringify(this.#parts.redactor.refresh().value(call))}\n`).join(''), { mode: 0o600 })
    const shown = relative(context.paths.root, transcript)
    const servers = Object.keys(wiring.servers)
    const calls = received.map((call) => observed(call, definition, servers))
    const outcome: AgentOutcome = { end: 'completed', exitCode: null, signal: null, durationMs: 0, calls, unknownTools: [], usage: {}, messages: [] }
    const judgement = await judgeStage(expectationsOf(session), {
      actor: 'the person',
      outcome,
      offered: definition.calls.map(({ server, tool }) => `${server}/${tool}`), modelProblems: [], received, files: [shown],
    })
    const { prompt, calls: found, observed: made } = sessionRecord({ prompt: definition.prompt(session.facts), calls: [...judgement.calls] }, outcome, [], (text) => this.#parts.redactor.text(text))
    record({
      agent: { name: 'a person', version: '', file: '' }, model: '', prompt, transcript: shown,
      end: 'completed', exitCode: null, modelRequests: 0, usage: {}, offeredTools: [], calls: found, observed: made,
    })
    const { verdict } = judgement
    this.#stand(lane, name, verdict ? 'failed' : 'passed', judgement.calls)
    // What is only missing can still be done. Done wrongly, it is to be done again: what came until now counts no more.
    this.#waiting = verdict && { lane, stage: name, received: verdict.class === 'manual' ? mark : log.length, seen: log.length }
    if (verdict) {
      throw new VerdictError({ ...verdict, remedy: `${verdict.class === 'manual' ? 'do what is missing' : 'do it again'}, the stack still runs; then: ${this.#goOn()}` })
    }
  }

  /** Notes that nobody's hand is needed here, where a person plays other stages. */
  leaveToAgent(lane: string, stage: string): void {
    if (existsSync(this.#resultFile())) this.#stand(lane, stage, 'played by the agent')
  }

  #goOn(): string {
    const { paths, info } = this.#parts
    return goOnCommand(paths.root, process.env, filtersOf(info))
  }

  #resultFile(): string {
    return join(this.#parts.paths.root, 'manual_result.json')
  }

  #isWaitingFor(lane: string, stage: string): boolean {
    return this.#waiting?.lane === lane && this.#waiting.stage === stage
  }

  #write(lane: string, session: StageSession, agent: Agent): void {
    const { paths, suite, info } = this.#parts
    const private_ = { mode: 0o600 }
    writeFileSync(join(paths.root, 'mcp-servers.json'), `${JSON.stringify({ mcpServers: clientConfig(session.wiring.servers) }, null, 2)}\n`, private_)
    const prompt = session.definition.prompt(session.facts)
    const command = agent.commandForPerson({ prompt, cwd: session.wiring.cwd, servers: session.wiring.servers, deadlineMs: session.deadlineMs })
    const script = `manual_stage_${lane}.sh`
    writeFileSync(join(paths.root, script), [
      '#!/bin/sh', `# Plays the stage with ${agent.name} ${agent.version} and your own login and model.`,
      `cd ${shellWord(session.wiring.cwd)} && exec ${command.map(shellWord).join(' ')} </dev/null`, '',
    ].join('\n'), { mode: 0o700 })
    // The page is to be read and passed on; what is to be run or read by a client must be whole.
    const page = stagePage({ lane, session, prompt, script, agent, root: paths.root, goOn: this.#goOn(), env: this.#parts.redactor.refresh().value(this.#parts.env) })
    writeFileSync(this.pageOf(lane), this.#parts.redactor.text(page), private_)
    if (info.options.manual) writeFileSync(join(paths.root, 'manual_playbook.md'), this.#parts.redactor.text(playbook(suite, this.#goOn())), private_)
    this.#stand(lane, session.name, 'waiting')
  }

  /** Keeps `manual_result.json` up to date: one line a stage. */
  #stand(lane: string, stage: string, standing: Standing, calls?: unknown): void {
    const { suite, info } = this.#parts
    const file = this.#resultFile()
    const stages: ResultFile['stages'] = readStages(file) ?? stagesOf(suite).map((one) => ({ lane: one.lane.name, stage: one.stage, standing: 'not yet' }))
    const next: ResultFile = {
      schema: 1, run: info.run, suite: suite.name,
      stages: stages.map((one) => one.lane === lane && one.stage === stage ? { lane, stage, standing, ...(calls !== undefined && { calls }) } : one),
    }
    writeFileSync(file, `${JSON.stringify(this.#parts.redactor.value(next), null, 2)}\n`, { mode: 0o600 })
  }
}

/** What clone-smoke asks the stack itself is not the person's. */
const byPerson = ({ client }: ReceivedCall): boolean => client !== clientName

function readStages(file: string): ResultFile['stages'] | undefined {
  try {
    return (JSON.parse(readFileSync(file, 'utf8')) as ResultFile).stages
  } catch {
    return undefined
  }
}

/** What was called, as far as the stack's log tells: it knows the tool, and not by which of several names its server was reached. */
function observed(call: ReceivedCall, definition: StageDefinition<never>, servers: readonly string[]): { server: string; tool: string; arguments: unknown; status: 'completed' | 'failed'; result: unknown; error?: string } {
  const server = definition.calls.find(({ tool }) => tool === call.tool)?.server ?? servers[0] ?? ''
  return {
    server, tool: call.tool, arguments: call.arguments, status: call.ok ? 'completed' : 'failed',
    result: { content: [{ type: 'text', text: call.answer ?? '' }] }, ...(call.error !== undefined && { error: call.error }),
  }
}

function stagesOf(suite: AnySuite): { lane: AnyLane; stage: string; definition: StageDefinition<never> }[] {
  return suite.lanes.flatMap((lane) => Object.entries(lane.steps).flatMap(([stage, definition]) => definition.kind === 'stage' ? [{ lane, stage, definition }] : []))
}

/** The servers as most MCP clients take them. */
function clientConfig(servers: Readonly<Record<string, McpWiring>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(servers).map(([name, wiring]) => [
    name, wiring.transport === 'stdio' ? { command: wiring.command, args: wiring.args, env: wiring.env } : { type: 'http', url: wiring.url },
  ]))
}

const callList = (definition: StageDefinition<never>): string[] =>
  definition.calls.flatMap((call, index) => [`${index + 1}. \`${call.tool} ${JSON.stringify(call.arguments)}\` of server \`${call.server}\``, `   afterwards: ${call.effect}`])

interface PageParts {
  readonly lane: string
  readonly session: StageSession
  readonly prompt: string
  readonly script: string
  readonly agent: Agent
  readonly root: string
  /** The command that goes on in the workspace. */
  readonly goOn: string
  readonly env: Readonly<Record<string, string>>
}

function stagePage({ lane, session, prompt, script, agent, root, goOn, env }: PageParts): string {
  return [
    `# Lane ${lane}, stage ${session.name}: by hand`,
    '',
    'The sandbox is up and waits. What the agent would do now, you do. The run that goes on takes your calls from the',
    "stack's own log and judges them by the same checks as the agent's.",
    '',
    '## What the agent would be asked',
    '',
    ...prompt.split('\n').map((line) => `> ${line}`),
    '',
    'These calls are expected, in this order; others before and between them do no harm:',
    '',
    ...callList(session.definition),
    '',
    '## How to reach the stack',
    '',
    `With ${agent.name} ${agent.version}, your own login and your own model:`,
    '',
    `    sh ${shellWord(join(root, script))}`,
    '',
    `With any other MCP client: \`${join(root, 'mcp-servers.json')}\` has the servers as most clients take them.`,
    ...Object.entries(session.wiring.servers).map(([name, wiring]) => wiring.transport === 'http'
      ? `- \`${name}\`: ${wiring.url} (Streamable HTTP)`
      : `- \`${name}\`: stdio, \`${[wiring.command, ...wiring.args].map(shellWord).join(' ')}\`, with the environment below`),
    '',
    '## The environment of the sandbox',
    '',
    '```',
    ...Object.entries(env).map(([name, value]) => `${name}=${shellWord(value)}`),
    '```',
    '',
    '## Then go on',
    '',
    `    ${goOn}`,
    '',
    'or, to stop before every later stage as well, the same with `SMOKE_MANUAL=1`.',
    '',
    '## Or give up',
    '',
    'This ends the stack and removes the workspace:',
    '',
    `    npx clone-smoke cleanup ${shellWord(root)}`,
    '',
  ].join('\n')
}

function playbook(suite: AnySuite, goOn: string): string {
  return [
    `# ${suite.name}: the agent's stages, by hand`,
    '',
    'The run stops before each stage below and starts again where you tell it to. Where it stands is in',
    `\`manual_result.json\`; what is to be done now, with prompt, commands and environment, is in the stage's own page.`,
    '',
    ...stagesOf(suite).flatMap(({ lane, stage, definition }) => [
      `## ${stage} (lane ${lane.name}: ${lane.proves})`,
      '',
      ...callList(definition),
      '',
      `Page: \`manual_stage_${lane.name}.md\``,
      '',
    ]),
    '## After each stage',
    '',
    `    SMOKE_MANUAL=1 ${goOn}`,
    '',
    'judges what you did and stops before the next stage. Without `SMOKE_MANUAL=1` the agent plays the rest.',
    '',
  ].join('\n')
}
