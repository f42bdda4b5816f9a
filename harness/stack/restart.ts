import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { commandOf, isAlive, type ProcessInfo } from '../processes/table.ts'
import { Redactor } from '../redaction/redactor.ts'
import { endProcesses } from '../sandbox/finish.ts'
import { fail, VerdictError, type VerdictClass } from '../verdict.ts'
import { diagnose } from './diagnose.ts'
import { examinePm2, findDaemon, freshPm2Home, showsBrokenDaemon } from './pm2.ts'
import { describeHolder, portHolders, type PortHolder } from './ports.ts'
import { probeInitialize } from './probe.ts'
import { familyOf } from './process-details.ts'
import type { SandboxView, StackDescription } from './stack.ts'

export interface RestartRequest {
  readonly command: { readonly file: string; readonly args: readonly string[]; readonly cwd: string; readonly env?: Readonly<Record<string, string>> }
  /** Name of the port on which it must listen, on that one and no other. */
  readonly port: string
  /** MCP endpoint to be probed. */
  readonly url: string
  /** A sentence when somebody else answers. */
  readonly accepts?: (serverInfo: { name: string; version?: string }) => string | undefined
}

export interface RestartResult {
  readonly attempts: number
  readonly durationMs: number
}

export interface RestartTools {
  readonly view: SandboxView
  readonly stack: StackDescription
  /** Runs the command to its end and returns its stdout. @throws VerdictError whose diagnosis holds the last lines */
  readonly run: (request: {
    file: string; args: readonly string[]; cwd: string; env?: Readonly<Record<string, string>>; name: string; deadlineMs: number
  }) => Promise<string>
  /** Milliseconds for one attempt: the command, and the probes after it. */
  readonly attemptMs: number
  /** How many attempts may follow the first. */
  readonly retries: number
  readonly signal: AbortSignal
  /** Milliseconds left for all of it. */
  readonly leftMs: () => number
  /** Where the diagnosis of an attempt goes, relative to the workspace; the first attempt is 1. */
  readonly diagnosisFile: (attempt: number) => string
  readonly note: (text: string) => void
  /** What may be why an attempt failed that took so many milliseconds, where the stack shows no cause. */
  readonly suspect?: (tookMs: number) => string | undefined
  /** Called with each diagnosis, relative to the workspace. */
  readonly onEvidence: (relativePath: string) => void
  readonly redactor?: Redactor
}

/**
 * Milliseconds: pauses between probes, one probe, how long a ready stack is watched, how long it may listen elsewhere
 * only, how often pm2 is asked, what a diagnosis needs, and the least an attempt is worth.
 */
const bounds = {
  pauseMs: 50, longestPauseMs: 1000, probeMs: 3000, settleMs: 500, elsewhereMs: 3000, askPm2Ms: 2000,
  diagnosisMs: 8000, reserveMs: 2500, leastAttemptMs: 1500, watchMs: 200,
}

/** So often may a stack answer and end again before an attempt is given up. */
const mostFlaps = 3

/** Why an attempt failed. */
interface Failure {
  readonly why: string
  readonly class?: VerdictClass
  /** The command itself failed. */
  readonly ofCommand: boolean
  /** What the command said. */
  readonly output: string
  readonly evidence: readonly string[]
  readonly cause?: unknown
}

/**
 * Restarts the stack and waits until it answers: port preflight; the command; probes with growing pauses that race
 * against the stack's death; then proof that the sandbox listens on that port and on no other. A failed attempt leaves
 * a diagnosis and is followed by another while retries are left; a broken pm2 daemon gets one more, on an empty home.
 * @throws VerdictError port-taken, port-mismatch, readiness or restart
 */
export async function restartStack(request: RestartRequest, tools: RestartTools): Promise<RestartResult> {
  const startedAt = performance.now()
  const { view, stack, signal, note, leftMs, redactor = new Redactor({ root: tools.view.root }).learnFrom(tools.view.env) } = tools
  const port = view.ports[request.port]
  if (port === undefined) throw new Error(`the suite has no port ${request.port}; it has ${Object.keys(view.ports).join(', ') || 'none'}`)
  const evidence: string[] = []
  let retries = tools.retries
  let mayRenewPm2 = stack.pm2Home !== undefined

  for (let attempt = 1; ; attempt += 1) {
    signal.throwIfAborted()
    await clearPort(request.port, port, tools, evidence)
    const attemptedAt = performance.now()
    const failure = await tryOnce(request, port, attempt, tools)
    if (failure === undefined) return { attempts: attempt, durationMs: performance.now() - startedAt }
    const suspect = tools.suspect?.(performance.now() - attemptedAt)
    signal.throwIfAborted()

    const verdictClass = failure.class ?? classOf(port, view)
    const elsewhere = portHolders([port], view.processes)
    const { file, finding, remedy } = await diagnose(view, stack, {
      why: `restart, attempt ${attempt}: ${failure.why}`, file: tools.diagnosisFile(attempt),
      boundMs: Math.max(500, Math.min(bounds.diagnosisMs, leftMs() - 500)), redactor, suspect,
    })
    tools.onEvidence(file)
    evidence.push(file, ...failure.evidence)
    // The sentence on the port is more exact here: only here it is known which one was meant.
    const known = verdictClass !== 'port-mismatch' ? finding : failure.class === undefined ? mismatch(request.port, port, elsewhere) : undefined
    const sentence = redactor.strictText(
      known !== undefined && !failure.why.includes(known) ? `${known}; ${failure.why}`
        : verdictClass === 'readiness' ? `the stack listens on port ${port} (${request.port}) but never became ready: ${failure.why}` : failure.why,
    )
    const verdict = fail(verdictClass, attempt === 1 ? sentence : `${sentence} (attempt ${attempt})`, {
      evidence: [...new Set(evidence)], cause: failure.cause, remedy: remedyFor(verdictClass, request.port) ?? remedy,
    })
    signal.throwIfAborted()
    if (verdictClass === 'port-taken') throw verdict
    const enough = leftMs() > bounds.reserveMs + bounds.leastAttemptMs
    const broken = mayRenewPm2 && enough ? await brokenDaemon(failure, tools) : undefined
    if (broken !== undefined && await renewPm2(broken, tools)) {
      mayRenewPm2 = false
    } else if (retries > 0 && enough) {
      retries -= 1
    } else {
      if (retries > 0) note(`no time is left for another attempt: ${(leftMs() / 1000).toFixed(1)} s`)
      throw verdict
    }
    note(`attempt ${attempt} to restart the stack failed (${verdictClass}): ${sentence}; see ${file}`)
  }
}

/**
 * Sees to it that nothing but the stack's own restart stands between the stack and its port. What pm2 runs is left: the
 * command replaces it. @throws VerdictError of class port-taken; a stranger is never signalled
 */
async function clearPort(name: string, port: number, { view, stack, note }: RestartTools, evidence: readonly string[]): Promise<void> {
  const holders = portHolders([port], view.processes).filter((holder) => holder.port === port)
  const stranger = holders.find(({ ours }) => !ours)
  if (stranger) {
    throw fail('port-taken', takenBy(name, stranger), {
      evidence, remedy: remedyFor('port-taken', name, stranger),
    })
  }
  const { pm2Home } = stack
  if (holders.length === 0) return
  const daemon = pm2Home === undefined ? undefined : findDaemon(pm2Home)
  const table = view.processes()
  const underDaemon = daemon === undefined ? new Set<number>() : familyOf(daemon.pid, table)
  const orphans = table.filter(({ pid }) => holders.some((holder) => holder.pid === pid) && !underDaemon.has(pid))
  if (orphans.length === 0) return
  for (const { pid } of orphans) note(`process ${pid} (${commandOf(pid)}) of the sandbox held port ${port} (${name})${pm2Home === undefined ? '' : ' and is not under pm2'}: ended`)
  await endProcesses(() => orphans.filter(isAlive))
}

/** One attempt. Undefined when the stack is up. @throws VerdictError only when it was stopped from outside */
async function tryOnce(request: RestartRequest, port: number, attempt: number, tools: RestartTools): Promise<Failure | undefined> {
  const { view, stack, signal, leftMs } = tools
  const before = new Set(view.processes().map(({ pid, startTime }) => `${pid} ${startTime}`))
  const mark = logSize(stack)
  const deadline = performance.now() + Math.max(bounds.leastAttemptMs / 3, Math.min(tools.attemptMs, leftMs() - bounds.reserveMs))
  const left = (): number => Math.max(1, deadline - performance.now())
  const beganAt = Date.now()

  let output: string
  try {
    output = await tools.run({ ...request.command, name: attempt === 1 ? 'restart' : `restart-${attempt}`, deadlineMs: left() })
  } catch (error) {
    signal.throwIfAborted()
    if (!(error instanceof VerdictError)) {
      return { why: error instanceof Error ? error.message : String(error), ofCommand: true, output: '', evidence: [], cause: error }
    }
    const { diagnosis, evidence } = error.verdict
    return { why: shortened(diagnosis), ofCommand: true, output: diagnosis, evidence, cause: error }
  }
  const failure = (why: string, verdictClass?: VerdictClass): Failure =>
    ({ why, ofCommand: false, output, evidence: [], ...(verdictClass !== undefined && { class: verdictClass }) })

  const over = new AbortController()
  const stop = AbortSignal.any([signal, over.signal])
  try {
    return await Promise.race([
      untilReady(request, port, view, left, stop, failure),
      untilDead(request.port, port, tools, { before, mark, beganAt, stop, failure }),
    ])
  } catch (error) {
    signal.throwIfAborted()
    throw error
  } finally {
    over.abort()
  }
}

type Fail = (why: string, verdictClass?: VerdictClass) => Failure

/** Probes until the stack answers, stays, and listens where it should; the failure when it does not within `left`. */
async function untilReady(
  { url, accepts, port: name }: RestartRequest, port: number, view: SandboxView, left: () => number, stop: AbortSignal, failure: Fail,
): Promise<Failure | undefined> {
  const budgetMs = left()
  const none = 'no probe was made'
  let last = none
  let flaps = 0
  for (let pauseMs = bounds.pauseMs; ; pauseMs = Math.min(pauseMs * 1.5, bounds.longestPauseMs)) {
    const boundMs = Math.min(bounds.probeMs, left())
    const probe = await probeInitialize(url, boundMs, stop)
    stop.throwIfAborted()
    // A probe that was cut short by the end of the attempt tells less than the one before it.
    if (boundMs === bounds.probeMs || probe.status !== undefined || last === none) last = probe.detail
    if (probe.ok && probe.serverName !== undefined) {
      const other = accepts?.({ name: probe.serverName, ...(probe.serverVersion !== undefined && { version: probe.serverVersion }) })
      if (other === undefined) {
        const outcome = await staysUp(url, name, port, view, stop)
        if (outcome.kind === 'stays') return undefined
        if (outcome.kind === 'misplaced') return failure(outcome.why, outcome.class)
        last = outcome.why
        flaps += 1
        if (flaps === mostFlaps) return failure(`the stack answered at ${url} and ended again, ${flaps} times: ${last}`)
        pauseMs = bounds.pauseMs
      } else {
        last = `${other}; ${probe.detail}`
      }
    }
    if (left() <= 1) return failure(`${url} did not answer initialize rightly within ${(budgetMs / 1000).toFixed(1)} s after the command; last answer: ${last}`)
    await delay(Math.min(pauseMs, left()), undefined, { signal: stop })
  }
}

type Outcome =
  | { readonly kind: 'stays' }
  | { readonly kind: 'ended'; readonly why: string }
  | { readonly kind: 'misplaced'; readonly why: string; readonly class: VerdictClass }

/**
 * Watches a stack that has answered: a server may listen before it can work, and end as soon as it finds out. Looks as
 * well whether it is the sandbox's and whether it listens on no other port.
 */
async function staysUp(url: string, name: string, port: number, view: SandboxView, stop: AbortSignal): Promise<Outcome> {
  const until = performance.now() + bounds.settleMs
  let first: ProcessInfo | undefined
  for (;;) {
    const holders = portHolders([port], view.processes)
    const stranger = holders.find((holder) => holder.port === port && !holder.ours)
    if (stranger) return { kind: 'misplaced', class: 'port-taken', why: takenBy(name, stranger) }
    if (holders.some((holder) => holder.port !== port)) return { kind: 'misplaced', class: 'port-mismatch', why: mismatch(name, port, holders) }
    const living = view.processes().filter(({ pid }) => holders.some((holder) => holder.pid === pid))
    first ??= living[0]
    if (first === undefined) return { kind: 'ended', why: `something answered at ${url}, but no process of the sandbox listens on port ${port}` }
    const { pid } = first
    if (!living.some((info) => info.pid === pid && isAlive(info))) {
      return { kind: 'ended', why: `process ${pid} answered, and within ${(bounds.settleMs / 1000).toFixed(1)} s it no longer listened` }
    }
    if (performance.now() >= until) break
    await delay(bounds.pauseMs, undefined, { signal: stop })
  }
  const again = await probeInitialize(url, bounds.probeMs, stop)
  stop.throwIfAborted()
  return again.ok ? { kind: 'stays' } : { kind: 'ended', why: `it answered once, and then: ${again.detail}` }
}

/** Resolves when there is no hope left that the stack comes up in this attempt. */
async function untilDead(
  name: string, port: number, { view, stack }: RestartTools,
  since: { before: ReadonlySet<string>; mark: number; beganAt: number; stop: AbortSignal; failure: Fail },
): Promise<Failure> {
  const { stop, failure } = since
  let goneTwice = 0
  let elsewhereSince: number | undefined
  let askAt = 0
  for (;;) {
    const holders = portHolders([port], view.processes)
    const listens = holders.some((holder) => holder.port === port)
    const elsewhere = holders.filter((holder) => holder.port !== port)
    elsewhereSince = listens || elsewhere.length === 0 ? undefined : (elsewhereSince ?? performance.now())
    if (elsewhereSince !== undefined && performance.now() - elsewhereSince > bounds.elsewhereMs) {
      return failure(mismatch(name, port, holders), 'port-mismatch')
    }
    const { pm2Home } = stack
    let gone: string | undefined
    if (pm2Home === undefined) {
      const news = view.processes().some(({ pid, startTime }) => !since.before.has(`${pid} ${startTime}`))
      if (!news && !listens) gone = 'the command has ended, and no process of the stack is left'
    } else if (!findDaemon(pm2Home)) {
      gone = `the command has ended, and no pm2 daemon of ${pm2Home} is left`
    } else if (!listens && performance.now() >= askAt && /exited with code|too many unstable/.test(logSince(stack, since.mark))) {
      // pm2 is asked only when its log tells of an end: the question takes half a second of a processor.
      const given = await givenUp(stack, view, since.beganAt)
      if (given !== undefined) return failure(given)
      askAt = performance.now() + bounds.askPm2Ms
    }
    // Twice, so that a process that is just being replaced does not count as gone.
    goneTwice = gone === undefined ? 0 : goneTwice + 1
    if (gone !== undefined && goneTwice > 1) return failure(gone)
    await delay(bounds.watchMs, undefined, { signal: stop })
  }
}

/** A sentence when pm2 does not try any more to bring an app up that this attempt started. */
async function givenUp({ pm2Home = '', pm2Program }: StackDescription, view: SandboxView, since: number): Promise<string | undefined> {
  const daemon = await examinePm2(pm2Home, pm2Program, view.env)
  if (daemon.kind !== 'answers') return undefined
  const errored = daemon.apps.find(({ status, startedAt }) => status === 'errored' && (startedAt ?? since) >= since)
  if (errored) return `the app ${errored.name} ended again and again, and pm2 gave it up after ${errored.restarts} restarts`
  if (daemon.apps.length === 0 || !daemon.apps.every(({ status }) => status === 'stopped' || status === 'errored')) return undefined
  return `no app runs any more: ${daemon.apps.map(({ name, status, exitCode }) => `${name} is ${status} (exit code ${exitCode ?? 'unknown'})`).join(', ')}`
}

/** The line or sentence that shows that no attempt can succeed with this daemon. */
async function brokenDaemon({ output, ofCommand }: Failure, { stack, view }: RestartTools): Promise<string | undefined> {
  const { pm2Home, pm2Program } = stack
  if (pm2Home === undefined) return undefined
  const line = showsBrokenDaemon(output)
  if (line !== undefined) return line
  if (!ofCommand) return undefined
  const daemon = await examinePm2(pm2Home, pm2Program, view.env)
  if (daemon.kind === 'dead') return `pm2.pid names process ${daemon.pid}, which is no daemon of this home`
  return daemon.kind === 'half-dead' ? `the daemon ${daemon.pid} does not answer: ${daemon.why}` : undefined
}

/** True when there is an empty pm2 home now. */
async function renewPm2(why: string, { stack: { pm2Home = '' }, view, note }: RestartTools): Promise<boolean> {
  try {
    note(`pm2 is broken (${why}); one more attempt on an empty home, the old one is ${await freshPm2Home(pm2Home, view.processes)}`)
    return true
  } catch (error) {
    note(`pm2 is broken (${why}), and its home could not be renewed: ${error instanceof Error ? error.message : String(error)}`)
    return false
  }
}

/** `the stack was given port 4000 (proxy) but listens on 9090: process 12 (node server.mjs)` */
function mismatch(name: string, port: number, holders: readonly PortHolder[]): string {
  const elsewhere = holders.filter((holder) => holder.port !== port)
  const also = elsewhere.length < holders.length ? 'also ' : ''
  return `the stack was given port ${port} (${name}) but listens ${also}on ${elsewhere.map((holder) => `${holder.port}: ${describeHolder(holder)}`).join(', ')}`
}

const takenBy = (name: string, holder: PortHolder): string => `port ${holder.port} (${name}) is held by ${describeHolder(holder)}, which is not the sandbox's`

function classOf(port: number, view: SandboxView): VerdictClass {
  const holders = portHolders([port], view.processes)
  if (holders.some((holder) => holder.port === port && !holder.ours)) return 'port-taken'
  if (holders.some((holder) => holder.port !== port)) return 'port-mismatch'
  return holders.length > 0 ? 'readiness' : 'restart'
}

function remedyFor(verdictClass: VerdictClass, port: string, holder?: PortHolder): string | undefined {
  if (verdictClass === 'port-taken') return `see what it is${holder?.pid === undefined ? '' : ` (ps -fp ${holder.pid})`}, then run again: the sandbox gets another port`
  if (verdictClass === 'port-mismatch') return `look for a port that is written out in the stack's configuration or code instead of being taken from its ${port} port`
  return undefined
}

/** What a failed command says of itself and its last line: the reason mostly comes last. */
function shortened(diagnosis: string): string {
  const [head = '', ...lines] = diagnosis.split('\n')
  const last = lines.findLast((line) => /\w/.test(line))
  return last === undefined ? head : `${head.replace(/ last lines:$/, ' last line:')} ${last.trim()}`
}

function logSize({ pm2Home }: StackDescription): number {
  return pm2Home === undefined ? 0 : (statSync(join(pm2Home, 'pm2.log'), { throwIfNoEntry: false })?.size ?? 0)
}

function logSince({ pm2Home = '' }: StackDescription, mark: number): string {
  try {
    return readFileSync(join(pm2Home, 'pm2.log')).subarray(mark).toString()
  } catch {
    return ''
  }
}
