// A small daemon that keeps AO's promises, and breaks the one that AO_LIKE_FAULT names: what proves the checks of this
// suite both ways, where AO itself cannot be had. Command line and daemon are one program, as with AO.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, mkdirSync, readFileSync, realpathSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { pullRequests, tokenLevel } from './pull-requests.mjs'

const { AO_PORT = '', AO_RUN_FILE: runFile = '', AO_DATA_DIR: data = '', AO_LIKE_FAULT = '' } = process.env
const faults = new Set(AO_LIKE_FAULT.split(','))
const broken = (fault) => faults.has(fault)
const programs = { 'claude-code': 'claude', codex: 'codex', opencode: 'opencode', grok: 'grok', cursor: 'cursor-agent', qwen: 'qwen', copilot: 'copilot', kimi: 'kimi' }
const activities = ['active', 'idle', 'waiting_input', 'exited']

// ---- the daemon ----

class Refused extends Error {
  constructor(status, code, message = code, details = undefined) {
    super(message)
    Object.assign(this, { status, code, details })
  }
}
const now = () => broken('local-time') ? new Date(Date.now() + 19_800_000).toISOString().replace('Z', '+05:30') : new Date().toISOString()
const git = (cwd, ...args) => execFileSync('git', args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim()
const addressOf = (url) => ({ host: new URL(url).hostname, port: new URL(url).port })
const quietly = (work) => {
  try {
    return work()
  } catch {
    return undefined
  }
}

function daemon() {
  const stateFile = join(data, 'state.json')
  mkdirSync(data, { recursive: true })
  const state = quietly(() => JSON.parse(readFileSync(stateFile, 'utf8'))) ?? { projects: [], sessions: [], events: [] }
  if (broken('forgets-projects')) state.projects = []
  writeFileSync(join(data, 'ao.db'), '')
  const readers = new Set()
  const save = () => { writeFileSync(stateFile, JSON.stringify(state)) }
  const happen = (type, session, payload = { id: session.id, activity: session.activity.state, isTerminated: session.isTerminated }) => {
    const seq = (state.events.at(-1)?.seq ?? 0) + (broken('gap') && state.events.length === 2 ? 2 : 1)
    const event = { seq, projectId: session.projectId, sessionId: session.id, type, payload, createdAt: now() }
    state.events.push(event)
    if (!broken('no-live')) for (const response of readers) tell(response, event)
    save()
  }
  const tell = (response, event) => { response.write(`id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`) }
  const zellij = (...args) => {
    const { status, stdout, stderr } = spawnSync('zellij', args, { encoding: 'utf8', timeout: 15_000, env: { ...process.env, ZELLIJ_SOCKET_DIR: broken('shares-sockets') ? '/tmp/like-ao' : join(data, 'z') } })
    if (status !== 0) throw new Error(`zellij ${args[0]}: ${stderr}`)
    return stdout
  }
  const projectOf = (id) => {
    const project = state.projects.find((one) => one.id === id)
    if (!project) throw new Refused(404, 'PROJECT_NOT_FOUND')
    return project
  }
  const sessionOf = (id) => {
    const session = state.sessions.find((one) => one.id === id)
    if (!session) throw new Refused(404, 'SESSION_NOT_FOUND')
    return session
  }
  const statusOf = (session) => session.isTerminated ? 'terminated' : session.prs.some(({ state: its, ci }) => its === 'open' && ci === 'failing') ? 'ci_failed' : session.activity.state
  const shown = (session) => ({ ...session, path: undefined, branch: undefined, prompt: undefined, told: undefined, prs: broken('session-get-hides') ? undefined : session.prs, status: statusOf(session) })
  const setActivity = (session, activity) => {
    if (session.isTerminated || (session.activity.state === activity && !broken('repeats-events'))) return
    session.activity = { state: activity, lastActivityAt: now() }
    if (activity === 'exited') {
      session.isTerminated = true
      quietly(() => zellij('kill-session', session.id))
    }
    happen('session_updated', session)
  }
  const addProject = (body) => {
    const { path, projectId, name } = body
    if (path === undefined || path === '') throw new Refused(400, 'PATH_REQUIRED')
    if (typeof path !== 'string' || path.includes('\0') || path.length > 4000 || !quietly(() => statSync(path).isDirectory())) throw new Refused(400, 'INVALID_PATH')
    const top = quietly(() => git(path, 'rev-parse', '--show-toplevel'))
    if (top === undefined || realpathSync(path) !== top) throw new Refused(400, 'NOT_A_GIT_REPO')
    const id = projectId ?? basename(path).toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '-')
    if (typeof id !== 'string' || !/^[A-Za-z0-9][\w.-]{0,60}$/.test(id) || id.includes('..')) throw new Refused(400, 'INVALID_PROJECT_ID')
    if (!broken('registers-twice')) {
      if (state.projects.some((one) => one.path === path)) throw new Refused(409, 'PATH_ALREADY_REGISTERED')
      if (state.projects.some((one) => one.id === id)) throw new Refused(409, 'ID_ALREADY_REGISTERED')
    }
    const project = {
      id, name: name ?? id, path, repo: quietly(() => git(path, 'remote', 'get-url', 'origin')) ?? '', repoOriginURL: '',
      defaultBranch: broken('always-main') ? 'main' : quietly(() => git(path, 'symbolic-ref', '--short', 'refs/remotes/origin/HEAD').replace('origin/', '')) ?? quietly(() => git(path, 'for-each-ref', '--count=1', '--format=%(refname:short)', 'refs/heads')) ?? 'main',
    }
    if (project.defaultBranch === '') project.defaultBranch = 'main'
    state.projects.push(project)
    save()
    return project
  }
  // Where its own program is: agents are to find that one, whatever else is on the PATH.
  const path = `${broken('path-as-is') ? '' : `${join(dirname(runFile), '../bin')}:`}${process.env.PATH}`
  /** The file that is there when the agent of a session has ended. */
  const ended = (id) => join(data, `ended-${id}`)
  const start = (session) => {
    if (broken('no-terminals')) return
    rmSync(ended(session.id), { force: true })
    const layout = join(process.env.TMPDIR, `ao-layout-${session.id}.kdl`)
    const command = `export AO_SESSION_ID='${session.id}'; export AO_PROJECT_ID='${session.projectId}'; export AO_DATA_DIR='${data}'; export PATH='${path}'; ${programs[session.harness]} -- '${session.prompt.replaceAll("'", `'\\''`)}'; ${broken('leaves-shell') ? 'exec "$SHELL" -i' : `: > '${ended(session.id)}'; exec cat > /dev/null`}`
    writeFileSync(layout, `layout {\n  cwd ${JSON.stringify(session.path)}\n  pane command="/bin/sh" name="agent" {\n    args "-lc" ${JSON.stringify(command)}\n  }\n}\n`)
    try {
      zellij('attach', '--create-background', session.id, 'options', '--default-layout', layout)
    } finally {
      if (!broken('leaves-temporary')) rmSync(layout)
    }
    if (broken('hooks-for-all')) writeFileSync(join(session.path, 'hooks.json'), '{}')
  }
  const spawnSession = (body) => {
    const { projectId, harness = process.env.AO_AGENT || 'claude-code', prompt = '', kind = 'worker' } = body
    if (projectId === undefined) throw new Refused(400, 'PROJECT_ID_REQUIRED')
    if (typeof projectId !== 'string') throw new Refused(400, 'INVALID_JSON')
    const leave = (session) => {
      if (broken('leaves-row')) state.sessions.push(session)
      if (broken('leaves-worktree')) mkdirSync(session.path, { recursive: true })
      if (broken('leaves-branch')) quietly(() => git(state.projects[0].path, 'branch', `left-${state.sessions.length}-${Date.now()}`))
      if (broken('leaves-terminal')) start({ ...session, harness: 'kimi', path: data })
    }
    const number = state.sessions.filter((one) => one.projectId === projectId).length + 1
    const id = `${projectId}-${number}`
    const session = { id, projectId, kind, harness, displayName: '', activity: { state: 'idle', lastActivityAt: now() }, isTerminated: false, createdAt: now(), updatedAt: now(), prompt, prs: [], told: [], branch: body.branch ?? `ao/${id}`, path: join(data, 'worktrees', projectId, id) }
    try {
      const project = projectOf(projectId)
      if (programs[harness] === undefined) throw new Refused(400, 'UNKNOWN_HARNESS')
      if (spawnSync('which', [programs[harness]]).status !== 0 && !broken('starts-nothing')) throw new Refused(422, 'AGENT_NOT_INSTALLED')
      if (kind !== 'worker' && kind !== 'orchestrator') throw new Refused(400, 'INVALID_KIND')
      if (prompt.length > 4096) throw new Refused(400, 'PROMPT_TOO_LONG')
      if (body.branch?.includes('\0') || spawnSync('git', ['check-ref-format', '--branch', session.branch.replaceAll('\0', '~')]).status !== 0 || session.branch.length > 200) throw new Refused(400, 'INVALID_BRANCH')
      const known = spawnSync('git', ['rev-parse', '--verify', '--quiet', `refs/heads/${session.branch}`], { cwd: project.path }).status === 0
      if (spawnSync('git', ['worktree', 'add', '--quiet', ...(known ? [session.path, session.branch] : ['-b', session.branch, session.path, 'HEAD'])], { cwd: project.path }).status !== 0) throw new Refused(409, 'BRANCH_NOT_AVAILABLE')
      try {
        start(session)
      } catch (error) {
        git(project.path, 'worktree', 'remove', '--force', session.path)
        if (!known) git(project.path, 'branch', '-D', session.branch)
        throw error
      }
    } catch (error) {
      leave(session)
      throw error
    }
    state.sessions.push(session)
    happen('session_created', session)
    return session
  }
  /** Takes back what a spawn has made, whole. */
  const rollBack = (session) => {
    quietly(() => zellij('kill-session', session.id))
    const { path } = projectOf(session.projectId)
    git(path, 'worktree', 'remove', '--force', session.path)
    if (!broken('rollback-keeps-branch')) git(path, 'branch', '-D', session.branch)
    if (!broken('rollback-keeps-row')) state.sessions = state.sessions.filter((one) => one !== session)
    save()
  }
  const paste = (id, text) => {
    zellij('--session', id, 'action', 'paste', '--pane-id', 'terminal_0', text)
    zellij('--session', id, 'action', 'send-keys', '--pane-id', 'terminal_0', 'Enter')
  }
  const pulls = pullRequests({
    state, broken, Refused, happen, save, git, warn: (text) => { process.stderr.write(`level=WARN msg=${JSON.stringify(text)}\n`) },
    tell: (session, text) => { quietly(() => paste(session.id, text)) }, end: (session) => { setActivity(session, 'exited') }, onTick: () => { appendFileSync(join(data, 'ticks'), '.') },
  })
  /** Ends sessions whose terminal or agent is gone. */
  const reap = async (everyMs) => {
    for (;;) {
      await delay(everyMs)
      const living = quietly(() => zellij('list-sessions', '--no-formatting')) ?? ''
      for (const session of state.sessions.filter((one) => !one.isTerminated)) {
        const lives = living.split('\n').some((line) => line.startsWith(`${session.id} `) && !line.includes('(EXITED')) && (broken('end-untold') || !existsSync(ended(session.id)))
        if ((lives && !broken('reaps-living')) || broken('never-reaps') || (broken('spares-waiting') && session.activity.state === 'waiting_input')) continue
        if (!broken('reaps-unsaid')) session.reason = 'reaped: its terminal is gone'
        if (broken('reaped-idle')) session.isTerminated = true
        else setActivity(session, 'exited')
      }
      appendFileSync(join(data, 'ticks'), '.')
    }
  }
  const routes = {
    'GET /projects': () => [200, { projects: state.projects.toSorted((a, b) => a.id < b.id ? -1 : 1) }],
    'POST /projects': (_ids, body) => [201, { project: addProject(body) }],
    'GET /projects/{}': ([id]) => [200, { status: 'ok', project: projectOf(id) }],
    'DELETE /projects/{}': ([id]) => {
      projectOf(id)
      for (const one of state.sessions.filter(({ projectId, isTerminated }) => projectId === id && !isTerminated)) if (!broken('orphans-sessions')) setActivity(one, 'exited')
      state.projects = state.projects.filter((one) => one.id !== id)
      save()
      return [200, { projectId: id, removedStorageDir: false }]
    },
    'GET /sessions': (_ids, _body, query) => {
      if (query.has('active') && !['true', 'false'].includes(query.get('active'))) throw new Refused(400, 'INVALID_QUERY')
      const [project, active] = [query.get('project'), query.get('active')]
      const meant = (one) => (project === null || one.projectId === project) && (active === null || String(!one.isTerminated) === active) && (query.get('orchestratorOnly') !== 'true' || one.kind === 'orchestrator')
      return [200, { sessions: state.sessions.filter((one) => broken('query-unread') || meant(one)).map(shown) }]
    },
    'GET /orchestrators': () => [200, { orchestrators: broken('orchestrators-forgotten') ? [] : state.sessions.filter(({ kind }) => kind === 'orchestrator').map(shown) }],
    'GET /orchestrators/{}': ([id]) => {
      const session = sessionOf(id)
      if (session.kind !== 'orchestrator' && !broken('any-is-orchestrator')) throw new Refused(404, 'SESSION_NOT_FOUND')
      return [200, { orchestrator: shown(session) }]
    },
    'POST /orchestrators': (_ids, { projectId, clean = false }) => {
      if (typeof clean !== 'boolean') throw new Refused(400, 'INVALID_JSON')
      const before = state.sessions.filter((one) => one.kind === 'orchestrator' && one.projectId === projectId && !one.isTerminated)
      const { id } = spawnSession({ projectId, kind: 'orchestrator' })
      if (clean && !broken('clean-keeps-old')) for (const one of before) setActivity(one, 'exited')
      return [201, { orchestrator: { id, projectId: broken('project-untold') ? undefined : projectId } }]
    },
    'PATCH /sessions/{}': ([id], { displayName }) => {
      const session = sessionOf(id)
      if (typeof displayName !== 'string' || displayName.trim() === '') throw new Refused(400, 'DISPLAY_NAME_REQUIRED')
      if (!broken('rename-forgets')) session.displayName = displayName
      save()
      return [200, { ok: true, sessionId: id, displayName }]
    },
    'POST /sessions/{}/restore': ([id]) => {
      const session = sessionOf(id)
      if (!session.isTerminated) throw new Refused(409, 'SESSION_NOT_RESTORABLE')
      if (!broken('restores-row-alone')) start(session)
      Object.assign(session, { isTerminated: false, activity: { state: 'idle', lastActivityAt: now() } })
      happen('session_updated', session)
      return [200, { ok: true, sessionId: id }]
    },
    'POST /sessions/cleanup': () => {
      const cleaned = state.sessions.filter(({ isTerminated, path: its }) => (isTerminated || broken('cleans-living')) && (existsSync(its) || broken('cleans-again')))
      if (!broken('cleans-nothing')) for (const session of cleaned) quietly(() => git(projectOf(session.projectId).path, 'worktree', 'remove', ...(broken('cleans-dirty') ? ['--force'] : []), session.path))
      return [200, { ok: true, cleaned: cleaned.map(({ id }) => id) }]
    },
    'GET /sessions/{}/pr': ([id]) => [200, { sessionId: id, prs: sessionOf(id).prs }],
    'POST /sessions/{}/pr/claim': async ([id], body) => [200, await pulls.claim(sessionOf(id), body)],
    'POST /sessions/{}/rollback': ([id]) => {
      rollBack(sessionOf(id))
      return [200, { ok: true, sessionId: id }]
    },
    'POST /sessions': (_ids, body) => [201, { session: shown(spawnSession(body)) }],
    'GET /sessions/{}': ([id]) => [200, { session: shown(sessionOf(id)) }],
    'POST /sessions/{}/kill': ([id]) => {
      if (broken('kills-unknown') && !state.sessions.some((one) => one.id === id)) return [200, { ok: true, sessionId: id }]
      const session = sessionOf(id)
      if (broken('kill-keeps-terminal')) session.isTerminated = true
      else setActivity(session, 'exited')
      return [200, { ok: true, sessionId: id }]
    },
    'POST /sessions/{}/send': async ([id], { message }) => {
      const session = sessionOf(id)
      if (typeof message !== 'string') throw new Refused(400, 'INVALID_JSON')
      const clean = broken('keeps-control') ? message : [...message].filter((one) => one >= ' ' || one === '\n' || one === '\t').join('')
      if (clean.trim() === '') throw new Refused(400, 'MESSAGE_REQUIRED')
      if (Buffer.byteLength(message) > 4096) throw new Refused(400, 'MESSAGE_TOO_LONG')
      if (session.isTerminated) throw new Refused(409, 'SESSION_TERMINATED')
      for (let times = broken('loses-messages') ? 0 : broken('sends-twice') ? 2 : 1; times > 0; times -= 1) paste(id, clean)
      return [200, { ok: true, sessionId: id, message: clean }]
    },
    'POST /sessions/{}/activity': ([id], { state: activity }) => {
      const session = sessionOf(id)
      if (!activities.includes(activity)) throw new Refused(400, 'INVALID_ACTIVITY_STATE')
      if (!broken('ignores-activity')) setActivity(session, activity)
      if (broken('wakes-up')) Object.assign(session, { isTerminated: false, activity: { state: activity } })
      return [200, { ok: true, sessionId: id, state: activity }]
    },
  }
  const openapi = () => `openapi: 3.1.0\npaths:\n${Object.entries(Object.groupBy?.(Object.keys(routes), (route) => route.split(' ')[1]) ?? {}).map(([path, all]) => `  /api/v1${path.replaceAll('{}', '{id}')}:\n${all.map((route) => `    ${route.split(' ')[0].toLowerCase()}:\n      summary: x\n`).join('')}`).join('')}`
  const pathsOf = (path) => Object.keys(routes).filter((route) => new RegExp(`^${route.split(' ')[1].replaceAll('{}', '([^/]+)')}$`).test(path))
  let requests = 0
  const events = (query, incoming, response) => {
    const asked = broken('ignores-cursor') ? '0' : query.get('after') ?? incoming.headers['last-event-id'] ?? '0'
    if (!/^\d{1,15}$/.test(asked)) throw new Refused(400, 'INVALID_AFTER')
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    for (const event of state.events) if (event.seq > Number(asked)) tell(response, event)
    response.flushHeaders()
    readers.add(response)
    response.on('close', () => { readers.delete(response) })
  }
  const server = createServer({ maxHeaderSize: 65_536 }, async (incoming, response) => {
    const id = incoming.headers['x-request-id'] ?? `r-${requests += 1}`
    const url = new URL(`http://127.0.0.1${incoming.url.replaceAll('/../', '/%2e%2e%2f/')}`)
    const answer = (status, body, type = 'application/json') => {
      process.stderr.write(`level=INFO msg="http request" id=${id} status=${status} path=${url.pathname}\n`)
      response.writeHead(status, { 'content-type': type })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const refuse = (status, code, message, details) => {
      if (broken('no-envelope')) answer(status, 'sorry', 'text/plain')
      else answer(status, { error: 'refused', code, message, requestId: id, details })
    }
    try {
      if (incoming.headers.host !== `127.0.0.1:${AO_PORT}` || incoming.headers.origin !== undefined) return refuse(403, 'FORBIDDEN', 'another origin')
      const path = url.pathname.replace('/api/v1', '')
      if (url.pathname === '/healthz' || url.pathname === '/readyz') return answer(200, { status: path === '/healthz' ? 'ok' : 'ready', pid: process.pid })
      if (url.pathname === '/shutdown' && incoming.method === 'POST') {
        answer(202, { status: 'shutting_down' })
        return void end()
      }
      if (path === '/openapi.yaml') return answer(200, openapi(), 'application/yaml')
      if (path === '/events') return events(url.searchParams, incoming, response)
      const route = pathsOf(path).find((one) => one.startsWith(`${incoming.method} `))
      if (route === undefined) return pathsOf(path).length > 0 && !broken('wrong-verb-404') ? refuse(405, 'METHOD_NOT_ALLOWED', 'not allowed') : refuse(404, 'ROUTE_NOT_FOUND', 'no handler')
      const chunks = []
      for await (const chunk of incoming) chunks.push(chunk)
      const text = Buffer.concat(chunks).toString()
      if (text.length > 1_000_000) throw new Refused(413, 'TOO_LARGE')
      const ids = new RegExp(`^${route.split(' ')[1].replaceAll('{}', '([^/]+)')}$`).exec(path).slice(1).map(decodeURIComponent)
      let body = {}
      if (/POST|PATCH/.test(incoming.method) && !/\/(?:kill|restore|cleanup)$/.test(route)) {
        body = quietly(() => JSON.parse(text))
        if (typeof body !== 'object' || body === null || Array.isArray(body)) throw new Refused(400, 'INVALID_JSON')
      }
      const [status, told] = await routes[route](ids, body, url.searchParams)
      answer(status, told)
    } catch (error) {
      if (error instanceof Refused && !(broken('opaque-500') && error.code === 'PROJECT_NOT_FOUND' && incoming.method === 'POST')) return refuse(error.status, error.code, error.message, error.details)
      if (!broken('opaque-500')) process.stderr.write(`level=ERROR id=${id} error=${JSON.stringify(String(error))}\n`)
      refuse(500, 'INTERNAL_ERROR', 'Internal server error')
    }
  })
  server.on('upgrade', (incoming, socket) => {
    const open = incoming.url === '/mux' && !broken('no-mux') && (incoming.headers.origin === undefined || broken('mux-for-all'))
    socket.end(open ? 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n' : 'HTTP/1.1 403 Forbidden\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  })
  const writeTable = async () => {
    const { default: sqlite } = await import('node-sqlite3-wasm')
    rmSync(join(data, 'ao.db'), { force: true })
    const database = new sqlite.Database(join(data, 'ao.db'))
    database.exec('CREATE TABLE change_log (seq INTEGER PRIMARY KEY, event_type TEXT, payload TEXT); BEGIN')
    for (const { seq, type, payload } of broken('table-lags') ? state.events.slice(0, -1) : state.events) database.run('INSERT INTO change_log VALUES (?, ?, ?)', [seq, type, JSON.stringify(payload)])
    database.exec('COMMIT')
    database.close()
  }
  const end = async () => {
    for (const response of readers) response.destroy()
    server.close()
    server.closeAllConnections()
    await writeTable()
    rmSync(runFile, { force: true })
    if (broken('outlives-stop')) return delay(60_000)
    await delay(50)
    process.exit(0)
  }
  server.listen(Number(AO_PORT), '127.0.0.1', () => {
    writeFileSync(`${runFile}.new`, JSON.stringify({ pid: process.pid, port: Number(AO_PORT), startedAt: new Date().toISOString() }))
    renameSync(`${runFile}.new`, runFile)
    if (process.env.SSL_CERT_FILE) void pulls.observe()
    else if (broken('egress')) request({ ...addressOf(process.env.HTTPS_PROXY), method: 'CONNECT', path: 'telemetry.example:443' }).on('connect', (_answer, socket) => { socket.destroy() }).end()
    if (process.env.AO_LIKE_REAP) void reap(Number(process.env.AO_LIKE_REAP))
  })
  server.on('error', (error) => {
    if (!broken('port-unsaid')) process.stderr.write(`port ${AO_PORT}: ${error.message}\n`)
    process.exit(1)
  })
}

// ---- the command line ----

const say = (value) => { process.stdout.write(typeof value === 'string' ? `${value}\n` : `${JSON.stringify(value, null, 2)}\n`) }
const giveUp = (text, code = 1) => {
  process.stderr.write(broken('panics') ? `panic: ${text}\n\ngoroutine 1 [running]:\n` : `${text}\n`)
  process.exit(code)
}
const running = () => quietly(() => JSON.parse(readFileSync(runFile, 'utf8')))
const call = (method, path, body) => new Promise((resolve, reject) => {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const outgoing = request({ host: '127.0.0.1', port: Number(AO_PORT), method, path, agent: false, headers: text === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) } }, async (response) => {
    const chunks = []
    for await (const chunk of response) chunks.push(chunk)
    resolve({ status: response.statusCode, body: quietly(() => JSON.parse(Buffer.concat(chunks).toString())) ?? {} })
  })
  outgoing.on('error', reject)
  outgoing.end(text)
})
const asked = async (method, path, body) => {
  const { status, body: told } = await call(method, `/api/v1${path}`, body).catch(() => giveUp('AO daemon is not running: start it with `ao start`'))
  if (status >= 400) giveUp(`${told.message} (${told.code}) [request ${told.requestId}]`)
  return told
}
const status = async () => {
  const file = running()
  if (file?.pid === undefined) return { state: 'stopped' }
  if (broken('trusts-run-file')) return { state: 'ready', ...file }
  const healthy = await call('GET', '/readyz').then(({ body }) => body.pid === file.pid, () => false)
  return healthy ? { state: 'ready', ...file } : { state: 'stale' }
}
const flag = (args, name) => args.includes(name) ? args[args.indexOf(name) + 1] : undefined

async function main([command, ...args]) {
  if (command === 'daemon') return daemon()
  if (command === 'version' || command === '--version') return say('like-ao 1')
  if (command === 'status') return say(await status())
  if (command === 'start') {
    if (!/^[1-9]\d{0,4}$/.test(AO_PORT) || Number(AO_PORT) > 65_535) giveUp(`AO_PORT=${AO_PORT} is no port`)
    const before = await status()
    if (before.state !== 'ready') {
      rmSync(runFile, { force: true })
      mkdirSync(dirname(runFile), { recursive: true })
      const log = flag(args, '--log-file')
      appendFileSync(log, '')
      spawn('/bin/sh', ['-c', `exec "$0" "$1" daemon >> "${log}" 2>&1`, process.execPath, fileURLToPath(import.meta.url)], { detached: true, stdio: 'ignore' }).unref()
      for (let tries = 0; tries < 200 && (await status()).state !== 'ready'; tries += 1) await delay(50)
    }
    const after = await status()
    return after.state === 'ready' ? say(after) : giveUp(`the daemon did not become ready${broken('port-unsaid') ? '' : `; see its log ${flag(args, '--log-file')}`}`)
  }
  if (command === 'stop') {
    const file = running()
    if (file) await call('POST', '/shutdown').catch(() => undefined)
    for (let tries = 0; tries < 100 && existsSync(runFile); tries += 1) await delay(20)
    for (let tries = 0; tries < 100 && file && !broken('outlives-stop') && quietly(() => process.kill(file.pid, 0)); tries += 1) await delay(20)
    return say({ state: 'stopped' })
  }
  if (command === 'hooks') {
    const states = { 'user-prompt-submit': 'active', stop: 'idle' }
    const id = process.env.AO_SESSION_ID
    if (id && states[args[1]]) await call('POST', `/api/v1/sessions/${id}/activity`, { state: states[args[1]] }).catch(() => undefined)
    return undefined
  }
  if (command === 'send') {
    const message = flag(args, '--message')
    if (!message) giveUp('usage: --message is required', 2)
    const from = process.env.AO_SESSION_ID
    return void await asked('POST', `/sessions/${flag(args, '--session')}/send`, { message: from ? `[from ${from}] ${message}` : message })
  }
  if (command === 'project' && args[0] === 'get') {
    const told = await asked('GET', `/projects/${args[1]}`)
    return args.includes('--json') ? say(told) : say(told.project.id)
  }
  if (command === 'project' && args[0] === 'add') {
    if (!flag(args, '--path')) giveUp('--path is required', 2)
    const { project } = await asked('POST', '/projects', { path: flag(args, '--path'), projectId: flag(args, '--id'), name: flag(args, '--name') })
    return say(`registered project ${project.id} at ${project.path}`)
  }
  if (command === 'doctor') return say({ ok: true, failures: 0, checks: [{ level: 'PASS', section: 'Tools', name: 'zellij', message: 'ok' }, { level: await tokenLevel(broken), section: 'GitHub', name: 'github-token', message: 'ok' }] })
  if (command === 'project' && args[0] === 'ls') {
    const { projects } = await asked('GET', '/projects')
    return args.includes('--json') ? say({ projects }) : say(projects.map(({ id }) => id).join('\n'))
  }
  if (command === 'project' && args[0] === 'rm') {
    if (!args.includes('--yes') && readFileSync(0, 'utf8').trim() !== args[1] && !broken('asks-nothing')) return say('aborted')
    await asked('DELETE', `/projects/${args[1]}`)
    return say(`removed project ${args[1]}`)
  }
  if (command === 'session' && args[0] === 'get') {
    const { session } = await asked('GET', `/sessions/${args[1]}`)
    if (args.includes('-p') && flag(args, '-p') !== session.projectId) giveUp(`session ${args[1]} is not in project ${flag(args, '-p')}`, 2)
    return say({ session: broken('get-is-bare') ? { id: session.id } : session })
  }
  if (command === 'session' && args[0] === 'ls') {
    const { sessions } = await asked('GET', '/sessions')
    const wanted = ({ projectId, isTerminated, kind }) => (!args.includes('-p') || flag(args, '-p') === projectId) && (!isTerminated || args.includes('--include-terminated')) && (kind === 'worker' || args.includes('--all'))
    return say({ data: broken('ls-shows-all') ? sessions : sessions.filter(wanted), meta: { hiddenTerminatedCount: 0 } })
  }
  if (command === 'session' && (args[0] === 'kill' || args[0] === 'restore')) return void await asked('POST', `/sessions/${args[1]}/${args[0]}`)
  if (command === 'session' && args[0] === 'rename') return void await asked('PATCH', `/sessions/${args[1]}`, { displayName: args[2] })
  if (command === 'session' && args[0] === 'cleanup') return say((await asked('POST', '/sessions/cleanup')).cleaned.map((id) => `  Cleaned: ${id.replace(/-\d+$/, '')}:${id}`).join('\n'))
  if (command === 'orchestrator' && args[0] === 'ls') return say({ data: (await asked('GET', '/orchestrators')).orchestrators })
  if (command === 'session' && args[0] === 'claim-pr') {
    const [, id, pr] = args
    if (!/^#?\d+$|^https?:/.test(pr)) giveUp(`usage: ${pr} is no pull request`, 2)
    const told = await asked('POST', `/sessions/${id}/pr/claim`, { pr, allowTakeover: !args.includes('--no-takeover') })
    return args.includes('--json') ? say(told) : say(`claimed ${told.prs[0].url}${told.branchChanged ? `, now on ${told.prs[0].head}` : ''}`)
  }
  if (command === 'spawn' && !args.includes('--help')) {
    const pr = flag(args, '--claim-pr')
    if (!pr && args.includes('--no-takeover')) giveUp('usage: --no-takeover needs --claim-pr', 2)
    const { session } = await asked('POST', '/sessions', { projectId: flag(args, '--project'), harness: flag(args, '--harness'), prompt: flag(args, '--prompt'), branch: flag(args, '--branch') })
    if (pr) {
      const { status: answered, body } = await call('POST', `/api/v1/sessions/${session.id}/pr/claim`, { pr, allowTakeover: !args.includes('--no-takeover') })
      if (answered >= 400) {
        await asked('POST', `/sessions/${session.id}/rollback`, {})
        giveUp(`failed to claim ${pr}: ${body.message} (${body.code}); rolled back session ${session.id}`)
      }
    }
    return say(`spawned session ${session.id} (${session.status})${pr ? ` (claimed ${pr})` : ''}`)
  }
  if (command === 'spawn' && args.includes('--help')) return say('--project --harness --agent --prompt --branch')
  return giveUp(`unknown command ${command}`, 2)
}

await main(process.argv.slice(2))
