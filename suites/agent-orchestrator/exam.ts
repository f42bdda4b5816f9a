import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { request } from 'node:http'
import { join, relative } from 'node:path'
import { isAlive, identify } from '../../harness/processes/table.ts'
import type { Finding } from '../../harness/suite.ts'
import { fail } from '../../harness/verdict.ts'
import { agentEvents } from './agents.ts'
import { aoLine, curl, keepsId, linesOf, variableOf, type Deed } from './by-hand.ts'
import type { CliAnswer, Daemon } from './daemon.ts'
import { EventStream } from './events.ts'

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
  /** Nothing that whoever does it again needs: a look at what is there, or one of many that `byHand` tells together. */
  readonly untold?: boolean
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
  readonly projects: readonly string[]
  readonly rows: readonly string[]
  readonly worktrees: readonly string[]
  readonly branches: readonly string[]
  readonly terminals: readonly string[]
  /** Session and process of each; an agent may be slower to start than its session is to be listed. */
  readonly agents: readonly string[]
}

/** What was seen of a daemon across its checks; judged once, at the end of a lane. */
export class Seen {
  serverErrors: readonly { readonly shown: string; readonly requestId: string; readonly again: string }[] = []
  envelopes: ReadonlySet<string> = new Set()
  times: ReadonlySet<string> = new Set()
  /** Lines that do again what gave the first of them. */
  again: ReadonlyMap<'envelopes' | 'times', string> = new Map()

  copy(): Seen {
    return Object.assign(new Seen(), this)
  }

  /** Forgets what came since the copy was taken. */
  become(before: Seen): void {
    Object.assign(this, before)
  }
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
  readonly #deeds: Deed[] = []
  readonly #seenBefore: Seen

  constructor(daemon: Daemon, seen: Seen, name: string, record: (finding: Finding) => void, signal?: AbortSignal) {
    this.#signal = signal
    this.daemon = daemon
    this.seen = seen
    this.#seenBefore = seen.copy()
    this.#section = /^\d+(?:\.\d+)?/.exec(name)?.[0] ?? '0'
    this.#record = record
  }

  /**
   * Notes that a promise was not kept; the same id again is told with the first. `flush` records them.
   * @param show a line of the shell that shows it, where what was done last does not
   */
  finding(id: string, promised: string, happened: string, severity: Finding['severity'] = 'high', show?: string): void {
    const known = this.#found.get(id)
    if (known) known.also.push(happened)
    else this.#found.set(id, { finding: { id, section: this.#section, promised, happened: happened.slice(0, 900), severity, reproduce: this.again(show) }, also: [] })
  }

  /** Lines of a shell that do again what was done last, and what that needs. */
  again(show?: string): string {
    return [linesOf(this.#deeds, this.daemon.made), ...(show === undefined ? [] : [show])].filter((line) => line !== '').join('\n')
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
    this.seen.become(this.#seenBefore)
  }

  /** Records a finding unless `kept`. Returns `kept`. */
  expect(kept: boolean, id: string, promised: string, happened: string | (() => string), severity: Finding['severity'] = 'high', show?: string): boolean {
    if (!kept) this.finding(id, promised, typeof happened === 'string' ? happened : happened(), severity, show)
    return kept
  }

  /**
   * Calls a route, e.g. `api('POST', '/sessions/{}/kill', ['ws-1'])`; paths begin after `/api/v1` unless with `//`.
   * What must hold of every answer is looked at here. @throws VerdictError when the daemon does not answer
   */
  async api(method: string, route: string, ids: readonly string[] = [], options: CallOptions = {}): Promise<Answer> {
    this.#signal?.throwIfAborted()
    if (method !== 'GET') this.#held = undefined
    const path = pathOf(route, ids.map(encodeURIComponent), options)
    const body = bodyOf(options)
    const headers = { ...(body !== undefined && { 'content-type': 'application/json' }), ...options.headers }
    const deed: Deed = { line: this.curl(method, route, ids, options), uses: [...ids, ...textsOf(options.json)], kept: method !== 'GET' }
    if (options.untold !== true) this.#deeds.push(deed)
    const sent = performance.now()
    const { status, text, headers: got } = await this.#send(method, path, headers, body)
    const name = `${method} ${route}${options.as === undefined ? '' : `: ${options.as}`}`
    const parsed = parse(text)
    const shown = `${method} ${path}${body === undefined ? '' : ` ${body.slice(0, 160)}`} -> ${status} ${text.slice(0, 300).trim()} (${(performance.now() - sent).toFixed(0)} ms)`
    const answer: Answer = { status, text, headers: got, body: isRecord(parsed) ? parsed : {}, shown }
    if (status === 201) this.#made(deed, answer.body)
    this.#lookAt(answer, name, route, options.mayFail === true)
    return answer
  }

  /** A call of `api`, as a line of a shell. */
  curl(method: string, route: string, ids: readonly string[] = [], options: CallOptions = {}): string {
    const session = (id: string): boolean => this.daemon.made.get(id)?.lines.some((line) => line.startsWith(`${variableOf(id).slice(1)}=`)) === true
    return curl(method, pathOf(route, ids.map((id) => session(id) ? variableOf(id) : encodeURIComponent(id)), options), options.headers ?? {}, bodyOf(options), this.daemon.root)
  }

  /** Keeps how a session or a project was made, for what is done with it later. */
  #made(deed: Deed, body: Readonly<Record<string, unknown>>): void {
    const thing = [body.session, body.orchestrator, body.project].find(isRecord)
    if (typeof thing?.id !== 'string') return
    deed.makes = thing.id
    this.daemon.made.set(thing.id, { lines: [body.project === thing ? deed.line : keepsId(thing.id, deed.line)], uses: deed.uses })
  }

  #lookAt({ status, text, body, shown }: Answer, name: string, route: string, mayFail: boolean): void {
    if (status >= 500 && status !== 501 && status !== 503) {
      this.seen.serverErrors = [...this.seen.serverErrors, { shown, requestId: typeof body.requestId === 'string' ? body.requestId : '', again: this.again() }]
      if (!mayFail) this.finding(`5xx ${name}`, `${name}: what is wrong is told to the client, and is never a server error`, shown)
    }
    if (status >= 400 && !route.startsWith('//')) {
      const whole = ['error', 'code', 'message', 'requestId'].every((key) => typeof body[key] === 'string' && body[key] !== '')
      if (!whole) this.#keep('envelopes', `${name} -> ${status} ${text.slice(0, 120).trim()}`)
    }
    const local = localTime.exec(text)?.[1]
    if (local !== undefined) this.#keep('times', `${name.split(':')[0] ?? name} -> ${local}`)
  }

  #keep(what: 'envelopes' | 'times', text: string): void {
    if (this.seen[what].size === 0) this.seen.again = new Map([...this.seen.again, [what, this.again()]])
    this.seen[what] = new Set([...this.seen[what], text])
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
      call.once('error', (error) => { reject(fail('check-failed', `the daemon did not answer ${method} ${path}: ${error.message}`, { evidence: [this.daemon.logEvidence] })) })
      call.end(body)
    })
  }

  /** Calls the command line; whatever happens, it must not fall over. */
  async ao(args: readonly string[], options: { env?: Readonly<Record<string, string>>; input?: string } = {}): Promise<CliAnswer> {
    this.#signal?.throwIfAborted()
    this.#held = undefined
    const session = (word: string): string | undefined => /^[\w.-]+-\d+$/.test(word) && this.daemon.made.has(word) ? variableOf(word) : undefined
    const line = aoLine(args, options.env ?? {}, options.input ?? '', this.daemon.root, session)
    const deed: Deed = { line, uses: [...args, ...Object.values(options.env ?? {})], kept: !args.slice(0, 2).some((word) => /^(?:ls|get|status|doctor|version|--version)$/.test(word)) }
    this.#deeds.push(deed)
    const answer = await this.daemon.ao(args, options)
    const made = /^spawned session (\S+)/m.exec(answer.stdout)?.[1]
    if (made !== undefined) this.daemon.made.set(deed.makes = made, { lines: [keepsId(made, line)], uses: deed.uses })
    const registered = /^registered project (\S+)/m.exec(answer.stdout)?.[1]
    if (registered !== undefined) this.daemon.made.set(deed.makes = registered, { lines: [line], uses: deed.uses })
    if (/^panic:|goroutine \d+ \[/m.test(answer.stderr + answer.stdout)) this.finding(`panic ao ${args[0] ?? ''}`, 'the command line never panics', showCli(answer))
    if (answer.exitCode !== 0 && answer.stderr.trim() === '') this.finding(`silent ao ${args.slice(0, 2).join(' ')}`, 'a command that fails says why on stderr', showCli(answer))
    return answer
  }

  /** Asks for the event stream with a cursor; what it answered first, where it answers at all. */
  async stream(query: string): Promise<{ readonly status: number; readonly text: string }> {
    this.byHand(`curl -i -N -m 3 "http://127.0.0.1:$AO_PORT/api/v1/events?${query}"`)
    const stream = new EventStream(this.daemon.port, `?${query}`)
    try {
      await stream.open()
      return { status: stream.status, text: stream.text }
    } finally {
      stream.close()
    }
  }

  /** Asks `/mux` for a WebSocket, and closes it. @returns the status of the answer: 101 where it was opened */
  async webSocket(headers: Readonly<Record<string, string>> = {}): Promise<number> {
    const all = { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==', ...headers }
    this.byHand(`${curl('GET', '/mux', all, undefined, this.daemon.root)} -m 2`)
    return new Promise((resolve, reject) => {
      const call = request({ host: '127.0.0.1', port: this.daemon.port, path: '/mux', agent: false, timeout: 20_000, headers: all }, (response) => {
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      call.once('upgrade', (_response, socket) => {
        socket.destroy()
        resolve(101)
      })
      call.once('timeout', () => { call.destroy(new Error('no answer within 20 s')) })
      call.once('error', (error) => { reject(fail('check-failed', `the daemon did not answer GET /mux: ${error.message}`, { evidence: [this.daemon.logEvidence] })) })
      call.end()
    })
  }

  /** Writes a line of the shell into what reproduces a finding, for what is done outside of AO. `first`: as in `Deed` */
  byHand(line: string, uses: readonly string[] = [], first = false): void {
    this.#deeds.push({ line, uses, kept: true, first })
  }

  /** Does one of many things that are tried: nothing that is tried later needs it. */
  async one<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#deeds.length
    try {
      return await work()
    } finally {
      this.#deeds.splice(before)
    }
  }

  /**
   * Does something that is to be refused: it must be answered with 4xx and leave nothing.
   * @param codes what the envelope's code may be; anything where it is not given. Of one that is given 503 is right, too.
   * @param severity of a refusal that does not come
   */
  async refused(method: string, route: string, ids: readonly string[], options: CallOptions & { as: string }, codes: readonly string[] = [], severity: Finding['severity'] = 'high'): Promise<Answer> {
    return this.one(() => this.#refused(method, route, ids, options, codes, severity))
  }

  async #refused(method: string, route: string, ids: readonly string[], options: CallOptions & { as: string }, codes: readonly string[], severity: Finding['severity']): Promise<Answer> {
    const before = this.#held ?? await this.holdings()
    const answer = await this.api(method, route, ids, options)
    const name = `${method} ${route}: ${options.as}`
    this.expect(refuses(answer) || codes.includes(String(answer.body.code)), `accepted ${name}`, `${options.as}: is refused`, answer.shown, severity)
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
    const list = await this.api('GET', '/sessions', [], { untold: true })
    const rows = (Array.isArray(list.body.sessions) ? list.body.sessions as { id: string; isTerminated: boolean }[] : []).map(({ id }) => id)
    const worktrees = children(join(data, 'worktrees')).flatMap((project) => children(join(data, 'worktrees', project)).map((name) => `${project}/${name}`))
    const projects = await this.api('GET', '/projects', [], { untold: true })
    const ids = Array.isArray(projects.body.projects) ? (projects.body.projects as { id: string }[]).map(({ id }) => id) : []
    // One that was removed and registered again may lie elsewhere.
    for (const id of this.#paths.keys()) if (!ids.includes(id)) this.#paths.delete(id)
    for (const id of ids) {
      if (this.#paths.has(id)) continue
      const { project } = (await this.api('GET', '/projects/{}', [id], { untold: true })).body
      this.#paths.set(id, isRecord(project) && typeof project.path === 'string' ? project.path : undefined)
    }
    const branches = [...this.#paths.values()].flatMap((path) => path === undefined ? [] : branchesOf(path))
    const agents = agentEvents(agentLog).filter(({ event }) => event === 'started').map(({ pid, session }) => `${session} ${pid}`).filter((one) => {
      const process = identify(Number(one.split(' ')[1]))
      return process !== undefined && isAlive(process)
    })
    return { projects: ids, rows, worktrees, branches, terminals: await terminals.list(), agents }
  }

  /** Looks whether an operation that failed has left something. */
  async nothingNew(before: Holdings, name: string, shown: string): Promise<Holdings> {
    const after = await this.holdings()
    for (const kind of ['projects', 'rows', 'worktrees', 'branches', 'terminals', 'agents'] as const) {
      const fresh = after[kind].filter((one) => !before[kind].includes(one) && !(kind === 'agents' && before.rows.includes(one.split(' ')[0] ?? '')))
      if (fresh.length > 0) this.finding(`leftover ${kind} ${name}`, `${name}: an operation that fails leaves no ${leftovers[kind].one}`, `${shown}; left: ${fresh.join(', ')}`, 'high', leftovers[kind].show)
    }
    return after
  }
}

/** One line for what the command line answered. */
export const showCli = ({ args, exitCode, stdout, stderr }: CliAnswer): string => `ao ${args.join(' ')} -> exit ${exitCode} ${[stdout, stderr].map((text) => text.trim()).filter((text) => text !== '').join(' | ').slice(0, 400)}`

/** What the command line answered as JSON; an empty object where it is none. */
export function jsonOf({ stdout }: Pick<CliAnswer, 'stdout'>): Readonly<Record<string, unknown>> {
  const parsed = parse(stdout)
  return isRecord(parsed) ? parsed : {}
}

/** What shows by hand what a failed operation left. */
const leftovers: Readonly<Record<keyof Holdings, { readonly one: string; readonly show: string }>> = {
  projects: { one: 'project', show: 'ao project ls' }, rows: { one: 'session', show: 'ao session ls --all --include-terminated' }, worktrees: { one: 'worktree', show: 'ls "$AO_DATA_DIR"/worktrees/*' },
  branches: { one: 'branch', show: 'git -C ws branch --list' }, terminals: { one: 'terminal session', show: 'tmux list-sessions' }, agents: { one: 'agent', show: 'ps x' },
}
/** Whether a mistake was told to the client: 501 and 503 tell of the daemon, and any other 5xx is a finding anyway. */
export const refuses = ({ status }: Pick<Answer, 'status'>): boolean => status >= 400 && status !== 501 && status !== 503
const bodyOf = ({ raw, json }: CallOptions): string | undefined => raw ?? (json === undefined ? undefined : JSON.stringify(json))
function pathOf(route: string, ids: readonly string[], { query }: CallOptions): string {
  const rest = [...ids]
  return (route.startsWith('//') ? route.slice(1) : `/api/v1${route}`).replaceAll('{}', () => rest.shift() ?? '') + (query === undefined ? '' : `?${query}`)
}
/** Texts of a request that may name something that was made. */
const textsOf = (json: unknown): string[] => isRecord(json) ? Object.values(json).filter((value) => typeof value === 'string') : []
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
