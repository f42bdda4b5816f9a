import { describeCall, includes } from '../../harness/lanes/match.ts'
import type { CallRecord, FindingRecord, ObservedCallRecord, ReceivedCallRecord, StageRecord } from '../../harness/record.ts'
import { html, type Html } from './html.ts'
import { count, duration } from './numbers.ts'
import { fileLink, logId, sign, stageId, type Page } from './parts.ts'

/** One thing that happened in a session, with what the others say about it. */
export type Turn =
  | { readonly kind: 'message'; readonly text: string }
  | {
    readonly kind: 'call'
    /** As the agent's transcript has it; undefined where it does not. */
    readonly told?: ObservedCallRecord
    readonly answer?: string | undefined
    /** As the stack's log has it. */
    readonly logged?: ReceivedCallRecord | undefined
    /** As the stage asked for it. */
    readonly expected?: CallRecord | undefined
    /** What they tell differently. */
    readonly disagreement?: string | undefined
  }

/**
 * A session in order: what the agent said and did, each call beside what the stack logged of it and what was expected.
 * Then the calls that only one side knows. Of what the record left out nothing is told: it is no disagreement.
 */
export function turnsOf(stage: StageRecord): Turn[] {
  const expected = [...stage.calls]
  const logged = [...stage.received ?? []]
  const knowsLog = stage.received !== undefined && (stage.omitted?.received ?? 0) === 0
  const parts = stage.conversation ?? stage.observed.map((_, call) => ({ kind: 'call' as const, call }))
  const callOf = (told: ObservedCallRecord): Pick<CallTurn, 'logged' | 'expected'> => ({
    logged: take(logged, (call) => call.tool === told.tool && includes(call.arguments, told.arguments) && includes(told.arguments, call.arguments))
      ?? take(logged, (call) => call.tool === told.tool && (call.argumentsCut === true || told.argumentsCut === true || includes(call.arguments, told.arguments))),
    expected: take(expected, (call) => call.tool === told.tool && (told.argumentsCut === true || includes(told.arguments, call.arguments))),
  })
  const turns = parts.flatMap((part): Turn[] => {
    if (part.kind === 'message') return [part]
    const told = stage.observed[part.call]
    if (!told) return []
    const found = callOf(told)
    return [{ kind: 'call', told, answer: 'answer' in part ? part.answer : undefined, ...found, disagreement: knowsLog || found.logged ? disagreementOf(told, found.logged) : undefined }]
  })
  // Calls beyond the parts that were kept are the agent's all the same.
  const shown = new Set(parts.flatMap((part) => part.kind === 'call' ? [part.call] : []))
  for (const told of stage.observed.filter((_, call) => !shown.has(call))) callOf(told)
  return [
    ...turns,
    ...expected.map((call): Turn => {
      const own = take(logged, (one) => one.tool === call.tool && includes(one.arguments, call.arguments))
      return { kind: 'call', expected: call, logged: own, disagreement: own && "the stack received it, but the agent's transcript does not show it" }
    }),
    ...logged.map((call): Turn => ({ kind: 'call', logged: call, disagreement: "the stack received it, but the agent's transcript does not show it" })),
  ]
}

function take<T>(from: T[], matches: (item: T) => boolean): T | undefined {
  const index = from.findIndex(matches)
  return index === -1 ? undefined : from.splice(index, 1)[0]
}

function disagreementOf(told: ObservedCallRecord, logged: ReceivedCallRecord | undefined): string | undefined {
  if (!logged) return told.status === 'completed' ? 'the agent says it completed, but the stack logged no such call' : undefined
  if (told.status === 'completed' && !logged.ok) return 'the agent says it completed, but the stack logged a failure'
  if (told.status !== 'completed' && logged.ok) return `the agent says it ${told.status === 'failed' ? 'failed' : 'never ended'}, but the stack logged a success`
  return undefined
}

/** Every agent session as a conversation. */
export function conversationsPart(page: Page): Html {
  const stages = page.record.lanes.flatMap((lane, index) => lane.steps.flatMap((step, at) => step.stage ? [{ lane, step, stage: step.stage, id: stageId(index, at) }] : []))
  if (stages.length === 0) return html``
  return html`<section id="conversations" aria-labelledby="conversations-title"><h2 id="conversations-title">Conversations</h2>
<p class="hint">What the agent was asked, said and did; beside each call what the stack's own log has of it.</p>
${stages.map(({ lane, step, stage, id }) => html`<div class="stage" id="${id}"><h3>${sign(step.status)} ${lane.name === step.name ? step.name : `${lane.name}: ${step.name}`} <span class="time">${duration(step.durationMs)}</span></h3>
<p class="who">${stage.agent.name} ${stage.agent.version}${stage.model !== '' && `, model ${stage.model}`}; ${count(stage.calls.length, 'call')} expected, ${stage.observed.length} made</p>
<ol class="talk">
<li class="said asked"><span class="speaker">The stage asks</span><p class="words">${stage.prompt}</p></li>
${turnsOf(stage).map((turn) => turn.kind === 'message' ? html`<li class="said"><span class="speaker">${stage.agent.name} says</span><p class="words">${turn.text}</p></li>` : html`<li>${callPart(stage, turn)}</li>`)}
${stage.omitted && html`<li class="said">${omittedText(stage.omitted)}</li>`}
<li class="said ended"><span class="speaker">The session ends:</span> <p>${endText(stage)}</p></li>
</ol>
<details class="tests"><summary>${count(stage.offeredTools.length, 'tool')} offered to the agent</summary><p><code>${stage.offeredTools.join(', ') || 'none'}</code></p></details>
<ul class="files">${[stage.transcript, stage.stderr, stage.modelLog].flatMap((path) => path === undefined ? [] : [html`<li>${fileLink(page, path)}${logId(page, path) !== undefined && html` <a class="jump" href="#${logId(page, path) ?? ''}">read it below</a>`}</li>`])}</ul></div>`)}
</section>`
}

const omittedText = ({ conversation, received }: NonNullable<StageRecord['omitted']>): string =>
  `${[...(conversation > 0 ? [count(conversation, 'more part')] : []), ...(received > 0 ? [`${count(received, 'more call')} in the stack's log`]: [])].join(' and ')} left out here: see the transcript and the stack's own log.`

function endText({ end, exitCode, modelRequests, usage }: StageRecord): string {
  const tokens = Object.values(usage).reduce((sum, number) => sum + number, 0)
  return [
    end, ...(exitCode === null ? [] : [`exit code ${exitCode}`]), ...(modelRequests > 0 ? [count(modelRequests, 'request') + ' to the model'] : []),
    ...(tokens > 0 ? [`${usage.input_tokens ?? 0} tokens in, ${usage.output_tokens ?? 0} out`] : []),
  ].join(', ')
}

type CallTurn = Extract<Turn, { kind: 'call' }>

function callPart(stage: StageRecord, turn: CallTurn): Html {
  const { told, logged, expected, answer, disagreement } = turn
  const call = told ?? logged ?? { tool: expected?.tool ?? '', arguments: expected?.arguments }
  const findings = expected ? [['attempted', expected.attempted], ['executed', expected.executed], ['effective', expected.effective]] as const : []
  const wrong = disagreement !== undefined || findings.some(([, { answer: given }]) => given === 'no')
  const name = told ? `${told.server}/${told.tool}` : call.tool
  return html`<details class="call${wrong && ' wrong'}"${wrong && ' open'}><summary><span class="tool">${name}</span> <code class="args">${shortArguments(call.arguments)}</code>
<span class="findings">${findings.map(([what, finding]) => findingPart(what, finding))}${!expected && html`<span class="finding unasked">not asked for</span>`}</span></summary>
${disagreement !== undefined && html`<p class="disagree"><strong>They disagree:</strong> ${disagreement}.</p>`}
${expected && html`<dl class="why">${findings.map(([what, { answer: given, detail }]) => html`<div><dt>${what}: ${given}</dt><dd>${detail}</dd></div>`)}</dl>`}
${told ?? logged ? html`<div class="sides">
<div class="side"><h4>${stage.agent.name}'s transcript</h4>${told ? html`<p>${told.status}${told.error !== undefined && `: ${told.error}`}</p>${block('arguments', pretty(told.arguments))}${answer !== undefined && block('answer', prettyText(answer))}` : html`<p>has no such call.</p>`}</div>
<div class="side"><h4>The stack's log</h4>${logged ? html`<p>${logged.ok ? 'answered' : 'failed'}${logged.error !== undefined && `: ${logged.error}`}, client ${logged.client}</p>${told && pretty(told.arguments) === pretty(logged.arguments) ? html`<p class="same">the same arguments</p>` : block('arguments', pretty(logged.arguments))}${logged.answer !== undefined && (logged.answer === answer ? html`<p class="same">the same answer</p>` : block('answer', prettyText(logged.answer)))}` : html`<p>${stage.received ? 'has no such call.' : 'is not in this record.'}</p>`}</div>
</div>` : html`<p>The agent never made this call${stage.received && ', and the stack never received it'}.</p>`}</details>`
}

const block = (label: string, text: string): Html => html`<p class="label">${label}</p><pre tabindex="0" role="group" aria-label="${label}">${text}</pre>`

const marks = { yes: ['✓', 'passed'], no: ['✗', 'failed'], unknown: ['?', 'skipped'] } as const

function findingPart(what: string, { answer }: FindingRecord): Html {
  const [mark, look] = marks[answer]
  return html`<span class="finding ${look}"><span aria-hidden="true">${mark}</span> ${what}<span class="unseen">: ${answer}</span></span>`
}

/** Arguments in a line, without the braces around them. */
const shortArguments = (args: unknown): string => describeCall({ tool: '', arguments: args }).trim()

const pretty = (value: unknown): string => value === undefined ? '(none)' : JSON.stringify(value, null, 2)

/** An answer that is JSON is easier to read with its lines. */
function prettyText(text: string): string {
  if (!/^\s*[[{]/.test(text)) return text
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
