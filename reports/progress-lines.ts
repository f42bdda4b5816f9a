import type { ProgressEvent, StageRecord, VerdictRecord } from '../harness/record.ts'
import type { Paint } from './paint.ts'

/** A step that runs now. */
interface Running {
  readonly lane: string
  readonly step: string
  readonly budgetMs: number
  /** Milliseconds since the epoch. */
  readonly since: number
}

/** Step names are padded to this, so that the times of usual names stand below each other. */
const nameWidth = 24
const timeWidth = 7
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** Turns the events of a run into the lines that tell it. Writes nothing itself. */
export class ProgressLines {
  readonly #paint: Paint
  readonly #selected: readonly string[]
  #running: Running | undefined
  /** The lane whose header was printed last. */
  #lane: string | undefined
  #failedStep: string | undefined

  /** @param selected the lanes that were asked for: one alone is named where another runs for its sake */
  constructor(paint: Paint, selected: readonly string[]) {
    this.#paint = paint
    this.#selected = selected
  }

  /** The lines for one event; often none. */
  lines(event: ProgressEvent): string[] {
    const paint = this.#paint
    switch (event.type) {
      case 'run-started':
        return [
          '', ` ${paint.bold('clone-smoke')}  suite ${paint.bold(event.suite)}`,
          paint.dim(`   workspace  ${event.workspace}`), paint.dim(`   results    ${event.results}`),
        ]
      case 'lane-started':
        return this.#openLane(event.lane, event.purpose === 'set-up'
          ? ` set-up ${paint.bold(event.lane)}  ${paint.dim(this.#forWhom())}`
          : ` lane ${event.index}/${event.of} ${paint.bold(event.lane)}`)
      case 'step-started':
        this.#running = { lane: event.lane, step: event.step, budgetMs: event.budgetMs, since: Date.parse(event.at) }
        return []
      case 'step-ended':
        return this.#stepEnded(event)
      case 'lane-ended':
        return this.#laneEnded(event)
      case 'fact':
      case 'teardown-started':
      case 'teardown-ended':
        return []
    }
  }

  /** The line for the step that runs now, undefined when none does. @param now milliseconds since the epoch */
  status(now: number): string | undefined {
    if (!this.#running) return undefined
    const { step, budgetMs, since } = this.#running
    const frame = frames[Math.floor(now / 100) % frames.length] ?? ''
    const elapsed = Math.max(0, now - since)
    const time = `${this.#time(elapsed)} / ${seconds(budgetMs)}`
    return `   ${frame} ${step.padEnd(nameWidth)} ${elapsed > budgetMs ? this.#paint.yellow(time) : time}`
  }

  /** What a log of a build says from time to time, so that silence is never taken for a hang. */
  heartbeat(now: number): string {
    if (!this.#running) return this.#paint.dim('   … between two steps')
    const { lane, step, budgetMs, since } = this.#running
    return this.#paint.dim(`   … ${lane}: ${step} has been running for ${seconds(now - since)} of ${seconds(budgetMs)}`)
  }

  /** The line for a test of the author's own that failed; its error is told at the end. */
  failedCheck(lane: string, name: string): string[] {
    return [...this.#openLaneIfNew(lane), this.#paint.red(`   ✗ ${name}`)]
  }

  #stepEnded(event: Extract<ProgressEvent, { type: 'step-ended' }>): string[] {
    const budgetMs = this.#running?.lane === event.lane && this.#running.step === event.step ? this.#running.budgetMs : undefined
    if (budgetMs !== undefined) this.#running = undefined
    const { dim, green, red, yellow } = this.#paint
    const name = event.step.padEnd(nameWidth)
    if (event.status === 'skipped') return [dim(`   ↓ ${name} ${event.reason ?? 'skipped'}`)]
    const time = `${this.#time(event.durationMs)}${dim(budgetMs === undefined ? '' : ` / ${seconds(budgetMs)}`)}`
    const stage = event.stage ? dim(`  ${describeStage(event.stage)}`) : ''
    if (event.status === 'passed') return [`   ${green('✓')} ${name} ${time}${stage}`]
    this.#failedStep = event.step
    return [`   ${red('✗')} ${name} ${event.verdict?.class === 'budget' ? yellow(time) : time}${stage}`, ...verdictLines(event.verdict, this.#paint, '     ')]
  }

  #laneEnded(event: Extract<ProgressEvent, { type: 'lane-ended' }>): string[] {
    this.#running = undefined
    const { dim, yellow } = this.#paint
    if (event.status === 'skipped') {
      this.#lane = event.lane
      return ['', ` ${yellow('↓')} ${this.#paint.bold(event.lane)}  ${dim(`skipped: ${oneLine(event.reason ?? 'no reason was given')}`)}`]
    }
    const tellsNew = event.status === 'failed' && this.#failedStep === undefined
    return tellsNew ? [...this.#openLaneIfNew(event.lane), ...verdictLines(event.verdict, this.#paint, '   ')] : []
  }

  #openLaneIfNew(lane: string): string[] {
    return this.#lane === lane ? [] : this.#openLane(lane, ` lane ${this.#paint.bold(lane)}`)
  }

  #openLane(lane: string, header: string): string[] {
    this.#lane = lane
    this.#failedStep = undefined
    this.#running = undefined
    return ['', header]
  }

  #forWhom(): string {
    const [only, ...others] = this.#selected
    return only === undefined || others.length > 0 ? '(set-up)' : `(set-up for ${only})`
  }

  #time(milliseconds: number): string {
    return seconds(milliseconds).padStart(timeWidth)
  }
}

/** A verdict as it is shown below the thing that failed. */
export function verdictLines(verdict: VerdictRecord | undefined, paint: Paint, indent: string): string[] {
  if (!verdict) return []
  const [first = '', ...more] = verdict.diagnosis.split('\n')
  return [
    `${indent}${paint.red(`${verdict.class}:`)} ${first}`,
    ...more.map((line) => `${indent}  ${line}`),
    ...(verdict.remedy === undefined ? [] : [`${indent}${paint.bold('next:')} ${verdict.remedy}`]),
  ]
}

/** `4.2 s`, and from two minutes on `3 min 05 s`. */
export function seconds(milliseconds: number): string {
  const value = Math.max(0, milliseconds) / 1000
  if (value < 120) return value >= 10 && Number.isInteger(value) ? `${value} s` : `${value.toFixed(1)} s`
  const whole = Math.floor(value)
  return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
}

/** The first line of a text. */
export const oneLine = (text: string): string => text.split('\n', 1)[0] ?? ''

function describeStage(stage: StageRecord): string {
  const count = stage.calls.length
  return `${stage.agent.name} ${stage.agent.version}, ${count} ${count === 1 ? 'call' : 'calls'}`
}
