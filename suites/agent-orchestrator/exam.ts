import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join, relative } from 'node:path'
import { isAlive, identify } from '../../harness/processes/table.ts'
import type { Finding } from '../../harness/suite.ts'
import { fail } from '../../harness/verdict.ts'
import { agentEvents } from './agents.ts'
import type { CliAnswer, Daemon } from './daemon.ts'
import { EventStream } from './events.ts'

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

export interface CallOptions {
  readonly json?: unknown
  /** A body that is not JSON, or not meant to be. */
  readonly raw?: string
  readonly query?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Names the case in findings, where a route is called in several ways. */
  readonly as?: string
  /** The failure is on the daemon's side: a 5xx is no finding. */
  readonly mayFail?: boolean
}

export interface Answer {
  readonly status: number
  readonly text: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The answer's JSON; an empty object where it has none. */
  readonly body: Readonly<Record<string, unknown>>
  /** Short text of request and answer, for findings. */
  readonly shown: string
}

/** What a daemon has that a failed operation must not add to. */
interface Holdings {
  readonly rows: readonly string[]
  readonly worktrees: readonly string[]
  readonly branches: readonly string[]
  readonly terminals: readonly string[]
  /** Session and process of each; an agent may be slower to start than its session is to be listed. */
  readonly agents: readonly string[]
}

/** What was seen of a daemon across its checks; judged once, at the end of a lane. */
export class Seen {
  readonly serverErrors: { readonly shown: string; readonly requestId: string }[] = []
  readonly envelopes = new Set<string>()
  readonly times = new Set<string>()
  readonly codes = new Map<string, string>()
}

/** A time with a zone that is not UTC. */
const localTime = /"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?[+-](?!00:00)\d\d:\d\d)"/

/** One check's view of a daemon: every call of it is written down, and what must hold of every answer is looked at. */
export class Exam {
  readonly daemon: Daemon
  readonly seen: Seen
  readonly #section: string
  readonly #record: (finding: Finding) => void
  readonly #found = new Map<string, { readonly finding: Finding; readonly also: string[] }>()
  readonly #signal: AbortSignal | undefined
  readonly #paths = new Map<string, string | undefined>()
  /** As it was after the last operation that was refused, while nothing else has been done. */
  #held: Holdings | undefined
  readonly #calls: string[] = []

  constructor(daemon: Daemon, seen: Seen, name: string, record: (finding: Finding) => void, signal?: AbortSignal) {
    this.#signal = signal
    this.daemon = daemon
    this.seen = seen
    this.#section = /^\d+(?:\.\d+)?/.exec(name)?.[0] ?? '0'
    this.#record = record
  }

  /** Notes that a promise was not kept; the same id again is told with the first. `flush` records them. */
  finding(id: string, promised: string, happened: string, severity: Finding['severity'] = 'high'): void {
    const known = this.#found.get(id)
    if (known) known.also.push(happened)
    else this.#found.set(id, { finding: { id, section: this.#section, promised, happened: happened.slice(0, 900), severity, reproduce: this.#calls.slice(-8).join('\n') }, also: [] })
  }

  /** Records what was found; call it when the check has ended, however it did. */
  flush(): void {
    for (const { finding, also } of this.#found.values()) {
      const more = also.length === 0 ? '' : `; and ${also.length} more: ${also.slice(0, 6).map((text) => text.slice(0, 160)).join('; ')}`
      this.#record({ ...finding, happened: finding.happened + more })
    }
    this.#found.clear()
  }

  /** Drops what was noted so far: it turned out not to count. */
  forget(): void {
    this.#found.clear()
  }

  /** Records a finding unless `kept`. Returns `kept`. */
  expect(kept: boolean, id: string, promised: string, happened: string | (() => string), severity: Finding['severity'] = 'high'): boolean {
    if (!kept) this.finding(id, promised, typeof happened === 'string' ? happened : happened(), severity)
    return kept
  }

  /**
   * Calls a route, e.g. `api('POST', '/sessions/{}/kill', ['ws-1'])`; paths begin after `/api/v1` unless with `//`.
   * What must hold of every answer is looked at here. @throws VerdictError when the daemon does not answer
   */
  async api(method: string, route: string, ids: readonly string[] = [], options: CallOptions = {}): Promise<Answer> {
    this.#signal?.throwIfAborted()
    if (method !== 'GET') this.#held = undefined
    const rest = [...ids]
    const template = route.startsWith('//') ? route.slice(1) : `/api/v1${route}`
    const path = template.replaceAll('{}', () => encodeURIComponent(rest.shift() ?? '')) + (options.query === undefined ? '' : `?${options.query}`)
    const body = options.raw ?? (options.json === undefined ? undefined : JSON.stringify(options.json))
    const headers = { ...(body !== undefined && { 'content-type': 'application/json' }), ...options.headers }
    this.#calls.push(`curl -i -X ${method} ${Object.entries(options.headers ?? {}).map(([name, value]) => `-H '${name}: ${value}' `).join('')}${body === undefined ? '' : `-d ${quoted(body)} `}"http://127.0.0.1:$AO_PORT${path}"`)
    const sent = performance.now()
    const { status, text, headers: got } = await this.#send(method, path, headers, body)
    const name = `${method} ${route}${options.as === undefined ? '' : `: ${options.as}`}`
    const parsed = parse(text)
    const shown = `${method} ${path}${body === undefined ? '' : ` ${body.slice(0, 160)}`} -> ${status} ${text.slice(0, 300).trim()} (${(performance.now() - sent).toFixed(0)} ms)`
    const answer: Answer = { status, text, headers: got, body: isRecord(parsed) ? parsed : {}, shown }
    this.#lookAt(answer, name, route, options.mayFail === true)
    return answer
  }

  #lookAt({ status, text, body, shown }: Answer, name: string, route: string, mayFail: boolean): void {
    if (status >= 500 && status !== 501 && status !== 503) {
      this.seen.serverErrors.push({ shown, requestId: typeof body.requestId === 'string' ? body.requestId : '' })
      if (!mayFail) this.finding(`5xx ${name}`, 'a request is answered, and a mistake of the client is told to the client: never a server error', shown)
    }
    if (status >= 400 && !route.startsWith('//')) {
      const whole = ['error', 'code', 'message', 'requestId'].every((key) => typeof body[key] === 'string' && body[key] !== '')
      if (!whole) this.seen.envelopes.add(`${name} -> ${status} ${text.slice(0, 120).trim()}`)
    }
    const local = localTime.exec(text)?.[1]
    if (local !== undefined) this.seen.times.add(`${name.split(':')[0] ?? name} -> ${local}`)
  }

  async #send(method: string, path: string, headers: Readonly<Record<string, string>>, body: string | undefined): Promise<Pick<Answer, 'status' | 'text' | 'headers'>> {
    return new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: this.daemon.port, method, path, agent: false, timeout: 20_000, headers: { ...headers, ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }) } }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk)).once('end', () => {
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() })
        }).once('error', reject)
      })
      call.once('timeout', () => { call.destroy(new Error('no answer within 20 s')) })
      call.once('error', (error) => { reject(fail('check-failed', `the daemon did not answer ${method} ${path}: ${error.message}`, { evidence: [this.daemon.log] })) })
      call.end(body)
    })
  }

  /** Calls the command line; whatever happens, it must not fall over. */
  async ao(args: readonly string[], options: { env?: Readonly<Record<string, string>>; input?: string } = {}): Promise<CliAnswer> {
    this.#signal?.throwIfAborted()
    this.#held = undefined
    this.#calls.push(`${Object.entries(options.env ?? {}).map(([name, value]) => `${name}=${quoted(value)} `).join('')}ao ${args.map(quoted).join(' ')}`)
    const answer = await this.daemon.ao(args, options)
    if (/^panic:|goroutine \d+ \[/m.test(answer.stderr + answer.stdout)) this.finding(`panic ao ${args[0] ?? ''}`, 'the command line never panics', showCli(answer))
    if (answer.exitCode !== 0 && answer.stderr.trim() === '') this.finding(`silent ao ${args.slice(0, 2).join(' ')}`, 'a command that fails says why on stderr', showCli(answer))
    return answer
  }

  /** Asks for the event stream with a cursor; what it answered first, where it answers at all. */
  async stream(query: string): Promise<{ readonly status: number; readonly text: string }> {
    this.#calls.push(`curl -i -N "http://127.0.0.1:$AO_PORT/api/v1/events?${query}"`)
    const stream = new EventStream(this.daemon.port, `?${query}`)
    try {
      await stream.open()
      return { status: stream.status, text: stream.text }
    } finally {
      stream.close()
    }
  }

  /** Writes a line of the shell into what reproduces a finding, for what is done outside of AO. */
  byHand(line: string): void {
    this.#calls.push(line)
  }

  /**
   * Does something that is to be refused: it must be answered with 4xx and leave nothing.
   * @param codes what the envelope's code may be; anything where it is not given
   */
  async refused(method: string, route: string, ids: readonly string[], options: CallOptions & { as: string }, codes: readonly string[] = []): Promise<Answer> {
    const before = this.#held ?? await this.holdings()
    const answer = await this.api(method, route, ids, options)
    const name = `${method} ${route}: ${options.as}`
    this.expect(answer.status >= 400, `accepted ${name}`, `${options.as}: is refused`, answer.shown)
    if (answer.status >= 400 && answer.status < 500 && codes.length > 0) {
      const code = String(answer.body.code)
      this.expect(codes.includes(code), `code ${name}`, `${options.as}: is refused with the code ${codes.join(' or ')}`, answer.shown, 'low')
    }
    if (answer.status >= 400) this.#held = await this.nothingNew(before, name, answer.shown)
    return answer
  }

  /** What the daemon has now. */
  async holdings(): Promise<Holdings> {
    const { data, terminals, agentLog } = this.daemon
    const list = await this.api('GET', '/sessions')
    const rows = (Array.isArray(list.body.sessions) ? list.body.sessions as { id: string; isTerminated: boolean }[] : []).map(({ id }) => id)
    const worktrees = children(join(data, 'worktrees')).flatMap((project) => children(join(data, 'worktrees', project)).map((name) => `${project}/${name}`))
    const projects = await this.api('GET', '/projects')
    const ids = Array.isArray(projects.body.projects) ? (projects.body.projects as { id: string }[]).map(({ id }) => id) : []
    for (const id of ids) {
      if (this.#paths.has(id)) continue
      const { project } = (await this.api('GET', '/projects/{}', [id])).body
      this.#paths.set(id, isRecord(project) && typeof project.path === 'string' ? project.path : undefined)
    }
    const branches = [...this.#paths.values()].flatMap((path) => path === undefined ? [] : branchesOf(path))
    const agents = agentEvents(agentLog).filter(({ event }) => event === 'started').map(({ pid, session }) => `${session} ${pid}`).filter((one) => {
      const process = identify(Number(one.split(' ')[1]))
      return process !== undefined && isAlive(process)
    })
    return { rows, worktrees, branches, terminals: await terminals.list(), agents }
  }

  /** Looks whether an operation that failed has left something. */
  async nothingNew(before: Holdings, name: string, shown: string): Promise<Holdings> {
    const after = await this.holdings()
    for (const kind of ['rows', 'worktrees', 'branches', 'terminals', 'agents'] as const) {
      const fresh = after[kind].filter((one) => !before[kind].includes(one) && !(kind === 'agents' && before.rows.includes(one.split(' ')[0] ?? '')))
      if (fresh.length > 0) this.finding(`leftover ${kind} ${name}`, `an operation that fails leaves no ${kind === 'rows' ? 'session' : kind.slice(0, -1)}`, `${shown}; left: ${fresh.join(', ')}`)
    }
    return after
  }
}

/** One line for what the command line answered. */
export const showCli = ({ args, exitCode, stdout, stderr }: CliAnswer): string => `ao ${args.join(' ')} -> exit ${exitCode} ${[stdout, stderr].map((text) => text.trim()).filter((text) => text !== '').join(' | ').slice(0, 400)}`

const quoted = (text: string): string => /^[\w./:@=-]+$/.test(text) ? text : `'${(text.length > 300 ? `${text.slice(0, 120)}...(${text.length} characters)` : text).replaceAll("'", `'\\''`)}'`
/** Branches of a repository, without starting git. */
function branchesOf(repository: string): string[] {
  const git = join(repository, '.git')
  const heads = join(git, 'refs/heads')
  const loose = !existsSync(heads) ? [] : readdirSync(heads, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => relative(heads, join(entry.parentPath, entry.name)))
  const packed = existsSync(join(git, 'packed-refs')) ? readFileSync(join(git, 'packed-refs'), 'utf8').split('\n').flatMap((line) => line.split(' refs/heads/')[1] ?? []) : []
  return [...new Set([...loose, ...packed])].map((branch) => `${branch} in ${repository}`)
}
const children = (directory: string): string[] => existsSync(directory) ? readdirSync(directory) : []
export const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
