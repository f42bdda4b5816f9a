import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import { escapePath } from 'tinyglobby'
import { Redactor } from '../redaction/redactor.ts'
import { isSecretName } from '../redaction/secrets.ts'
import { excerpt, excerptOfEnd } from '../redaction/excerpt.ts'
import { knownCause, type Findings } from './known-cause.ts'
import { readLogTails, type LogTail } from './log-tails.ts'
import { examinePm2, type Pm2Daemon } from './pm2.ts'
import { describeHolder, portHolders, type PortHolder } from './ports.ts'
import { probeInitialize, type InitializeProbe } from './probe.ts'
import { detailsOf, type ProcessDetails } from './process-details.ts'
import type { SandboxView, StackDescription } from './stack.ts'

/**
 * Bounds: the whole, what is left for writing, one probe, pm2's answer (milliseconds); the part of the whole in which
 * pm2 and the endpoints must answer; a body (characters).
 */
const bounds = { wholeMs: 8000, writeMs: 250, probeMs: 2000, pm2Ms: 5000, askShare: 0.65, body: 2048 }

export interface Diagnosis {
  readonly file: string
  readonly finding?: string
  readonly remedy?: string
}

/**
 * Writes one text file with everything a person needs who asks why the stack does not work: pm2's table, ports,
 * processes, endpoints, environments, logs. It starts no pm2 daemon and shows no secret. Never rejects: a part that
 * fails says so in its place.
 * @param request.why the first line
 * @param request.file relative to the workspace
 * @param request.boundMs milliseconds for all of it, default 8000
 * @param request.suspect stands in the file where no known cause is seen
 * @param request.redactor learns the secrets in the environments of the stack's processes
 * @returns the file, relative to the workspace, and a sentence when the parts show a known cause, with its remedy
 */
export async function diagnose(
  view: SandboxView, stack: StackDescription, request: { readonly why: string; readonly file: string; readonly boundMs?: number; readonly redactor?: Redactor; readonly suspect?: string | undefined },
): Promise<Diagnosis> {
  const startedAt = performance.now()
  const boundMs = request.boundMs ?? bounds.wholeMs
  const leftMs = (): number => Math.max(1, boundMs - bounds.writeMs - (performance.now() - startedAt))
  const path = resolve(view.root, request.file)
  const shown = relative(view.root, path)

  // Processes first: what is started here for a look must not be among them.
  const redactor = (request.redactor ?? new Redactor({ root: view.root })).refresh().learnFrom(view.env).learnFrom(process.env)
  const processes = attempt(() => detailsOf(view.processes(), (text) => redactor.text(text)))
  const holders = attempt(() => portHolders(Object.values(view.ports), view.processes))
  const { pm2Home } = stack
  for (const { environment } of processes.value ?? []) redactor.learnFrom(Object.fromEntries(environment ?? []))
  // What is asked may be silent; the logs are not to suffer for it.
  const askMs = leftMs() * bounds.askShare
  const answerMs = askMs * 0.9
  const [pm2, probes] = await Promise.all([
    within(askMs, () => pm2Home === undefined ? undefined : examinePm2(pm2Home, stack.pm2Program, view.env, Math.min(bounds.pm2Ms, answerMs))),
    within(askMs, () => probeAll(stack.endpoints, Math.min(bounds.probeMs, answerMs))),
  ])
  const appLogs = pm2.value?.kind === 'answers' ? pm2.value.apps.flatMap(({ outLog, errorLog }) => [outLog, errorLog]) : []
  const pm2Logs = pm2Home?.startsWith(`${view.root}/`) === true ? [`${escapePath(relative(view.root, pm2Home))}/{pm2.log,logs/*.log}`] : []
  const logs = await within(leftMs(), (signal) => readLogTails(view.root, [...stack.logs, ...pm2Logs], appLogs.filter((file) => file !== undefined), signal, (line) => redactor.text(line)))

  const found: Findings = { processes: processes.value, holders: holders.value, pm2: pm2.value, probes: probes.value }
  const hide = (text: string): string => attempt(() => redactor.strictText(text)).value ?? '(not shown: its secrets could not be hidden)'
  const cause = attempt(() => knownCause(found, view, stack)).value
  const finding = cause === undefined ? undefined : hide(cause.cause)
  const text = [
    request.why.split('\n').join(' '),
    `finding: ${finding ?? 'none of the known causes is to be seen'}${finding === undefined && request.suspect !== undefined ? `; ${request.suspect}` : ''}`,
    `written ${new Date().toISOString()}`,
    section('pm2', pm2, (daemon) => describePm2(daemon, stack)),
    section('ports', holders, (all) => describePorts(all, view)),
    section('processes', processes, describeTree),
    section('endpoints', probes, (all) => describeProbes(all, stack)),
    section('environment, compared with what the suite gave', processes, (all) => describeEnvironments(all, view.env)),
    section('logs, most recently written first', logs, ({ tails, omitted }) => describeLogs(tails, omitted)),
  ].join('\n')
  const written = attempt(() => {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, hide(text), { mode: 0o600 })
    return statSync(path).size
  })
  const all = [finding, written.problem && `the diagnosis could not be written: ${written.problem}`].filter((part) => part !== undefined)
  return { file: shown, ...(all.length > 0 && { finding: all.join('; ') }), ...(cause?.remedy !== undefined && { remedy: cause.remedy }) }
}

/** What a part of a diagnosis brought, or why it brought nothing. */
type Part<T> = { readonly value: T; readonly problem?: undefined } | { readonly value?: undefined; readonly problem: string }

function attempt<T>(look: () => T): Part<T> {
  try {
    return { value: look() }
  } catch (error) {
    return { problem: error instanceof Error ? error.message : String(error) }
  }
}

/** The part, or that it took too long. */
async function within<T>(boundMs: number, look: (signal: AbortSignal) => Promise<T> | T): Promise<Part<T>> {
  const over = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Part<T>>((done) => {
    timer = setTimeout(() => { done({ problem: `it took longer than ${(boundMs / 1000).toFixed(1)} s` }) }, boundMs)
  })
  const work = (async (): Promise<Part<T>> => {
    try {
      return { value: await look(over.signal) }
    } catch (error) {
      return { problem: error instanceof Error ? error.message : String(error) }
    }
  })()
  const part = await Promise.race([work, late])
  clearTimeout(timer)
  over.abort()
  return part
}

function section<T>(title: string, part: Part<T>, describe: (value: T) => string): string {
  const text = part.problem === undefined ? attempt(() => describe(part.value)) : part
  return `\n== ${title}\n${text.problem === undefined ? text.value : `(this part failed: ${text.problem})`}`
}

async function probeAll(endpoints: StackDescription['endpoints'], timeoutMs: number): Promise<Record<string, InitializeProbe>> {
  const probes = Object.entries(endpoints).map(async ([name, url]) => [name, await probeInitialize(url, timeoutMs)] as const)
  return Object.fromEntries(await Promise.all(probes))
}

function describePm2(daemon: Pm2Daemon | undefined, { pm2Home, pm2Program }: StackDescription): string {
  if (daemon === undefined || pm2Home === undefined) return '(the stack has no pm2 home)'
  switch (daemon.kind) {
    case 'none': return `no daemon: ${pm2Home} has no pid file, and no pm2 daemon was started for it`
    case 'dead': return `the daemon is dead: pm2.pid names process ${daemon.pid}, which is no pm2 daemon of ${pm2Home}`
    case 'half-dead': return `the daemon ${daemon.pid} lives but does not answer: ${daemon.why}`
    case 'answers': return [
      `the daemon ${daemon.pid} of ${pm2Home} ${pm2Program === undefined ? 'takes connections; the table is read from its files' : 'answers'}`,
      ...daemon.apps.map(({ id, name, status, pid, restarts, unstableRestarts, startedAt, exitCode, script, args }) => `${[
        `${id} ${name}: ${status}`, pid === undefined ? 'no process' : `pid ${pid}`, `${restarts} restarts (${unstableRestarts} in a row)`,
        ...(startedAt === undefined ? [] : [`started ${age(startedAt)} ago`]),
        ...(exitCode === undefined ? [] : [`last exit code ${exitCode}`]),
      ].join(', ')}\n    ${[script, ...args].join(' ')}`),
      ...(daemon.apps.length === 0 ? ['its table is empty'] : []),
    ].join('\n')
  }
}

function describePorts(holders: readonly PortHolder[], { ports }: SandboxView): string {
  const given = Object.entries(ports).map(([name, port]) => {
    const by = holders.filter((holder) => holder.port === port)
    return `${port} (${name}): ${by.map((holder) => `${holder.ours ? 'ours' : 'A STRANGER'}, ${describeHolder(holder)}`).join('; ') || 'nobody listens'}`
  })
  const others = holders.filter(({ port }) => !Object.values(ports).includes(port))
  return [...given, ...others.map((holder) => `${holder.port} (NOT GIVEN): ours, ${describeHolder(holder)}`)].join('\n') || '(the sandbox has no ports)'
}

function describeTree(processes: readonly ProcessDetails[]): string {
  if (processes.length === 0) return 'the sandbox has no living process'
  const pids = new Set(processes.map(({ pid }) => pid))
  const branch = (info: ProcessDetails, depth: number): string[] => [
    `${String(info.pid).padStart(8)} ${String(info.ppid).padStart(8)}  ${info.state}  ${age(info.startedAt).padStart(8)}  ${`${(info.memoryKb / 1024).toFixed(0)} MB`.padStart(7)}  ${'  '.repeat(depth)}${info.command}`,
    ...processes.filter(({ ppid }) => ppid === info.pid).flatMap((child) => branch(child, depth + 1)),
  ]
  const roots = processes.filter(({ ppid }) => !pids.has(ppid))
  return ['     pid     ppid state   age   memory  command', ...roots.flatMap((info) => branch(info, 0))].join('\n')
}

function describeProbes(probes: Readonly<Record<string, InitializeProbe>>, { endpoints }: StackDescription): string {
  return Object.entries(probes).map(([name, { ok, status, detail, body }]) => [
    `${name} ${endpoints[name] ?? ''}: ${ok ? 'answers initialize' : 'does not answer initialize rightly'}`,
    status === undefined ? `  ${detail}` : `  HTTP ${status}${detail.endsWith(')') && !ok ? `  ${excerptOfEnd(detail, 120)}` : ''}\n${indent(excerpt(body ?? '', bounds.body))}`,
  ].join('\n')).join('\n') || '(the stack has no endpoints)'
}

/** Values longer than this are cut. Characters. */
const longestValue = 200

function describeEnvironments(processes: readonly ProcessDetails[], given: Readonly<Record<string, string>>): string {
  const show = (name: string, value: string): string => isSecretName(name) ? '(hidden)' : JSON.stringify(excerpt(value, longestValue))
  return processes.map(({ pid, command, environment }) => {
    const head = `${pid} ${command}`
    if (environment === undefined) return `${head}\n  its environment cannot be read`
    const names = Object.keys(given)
    const differing = names.filter((name) => environment.has(name) && environment.get(name) !== given[name])
    const rows = [
      ['lacks', names.filter((name) => !environment.has(name)).join(' ')],
      ['has otherwise', differing.map((name) => `${name}=${show(name, environment.get(name) ?? '')} (given ${show(name, given[name] ?? '')})`).join(', ')],
      ['has in addition', [...environment.keys()].filter((name) => !(name in given)).sort().join(' ')],
    ].filter(([, what]) => what !== '').map(([how, what]) => `  ${how ?? ''}: ${what ?? ''}`)
    return [head, ...(rows.length === 0 ? ['  as given'] : rows)].join('\n')
  }).join('\n') || '(the sandbox has no living process)'
}

function describeLogs(tails: readonly LogTail[], omitted: readonly string[]): string {
  return [
    ...tails.map(({ file, bytes, writtenAt, lines }) => `-- ${file}, ${bytes} bytes, written ${age(writtenAt)} ago\n${indent(lines.join('\n')) || '  (empty)'}`),
    ...(omitted.length === 0 ? [] : [`not shown, as they are too many: ${omitted.slice(0, 100).join(' ')}`]),
  ].join('\n') || '(there are no logs)'
}

const indent = (text: string): string => text.trim() === '' ? '' : text.trimEnd().split('\n').map((line) => `  ${line}`).join('\n')

const age = (since: number): string => `${Math.max(0, (Date.now() - since) / 1000).toFixed(1)} s`
