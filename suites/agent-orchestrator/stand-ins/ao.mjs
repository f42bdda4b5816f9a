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
const hookFiles = { 'claude-code': '.claude/settings.local.json', codex: '.codex/hooks.json', cursor: '.cursor/hooks.json' }
const hookStates = { 'user-prompt-submit': 'active', stop: 'idle', notification: 'waiting_input' }
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
  if (broken('restart-loses-work')) for (const { path } of state.sessions) rmSync(join(path, '.env'), { force: true })
  if (broken('forgets-ended')) state.sessions = state.sessions.filter(({ isTerminated }) => !isTerminated)
  if (broken('rewrites-log')) for (const event of state.events) event.createdAt = now()
  const countsFrom = broken('counts-on-anew') ? (state.events.at(-1)?.seq ?? 0) + 10 : 0
  writeFileSync(join(data, 'ao.db'), '')
  const readers = new Set()
  const save = () => { writeFileSync(stateFile, JSON.stringify(state)) }
  const happen = (type, session, payload = { id: session.id, activity: session.activity.state, isTerminated: session.isTerminated }) => {
    const seq = Math.max(state.events.at(-1)?.seq ?? 0, countsFrom) + (broken('gap') && state.events.length === 2 ? 2 : 1)
    const event = { seq, projectId: session.projectId, sessionId: session.id, type, payload, createdAt: now() }
    state.events.push(event)
    if (!broken('no-live') && !(broken('drops-live') && seq % 8 === 0 && payload.activity !== 'waiting_input')) for (const response of readers) tell(response, event)
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
  const shown = (session) => ({ ...session, ...(broken('row-lies') && session.harness === 'codex' && { harness: 'grok', kind: 'orchestrator' }), path: undefined, branch: undefined, prompt: undefined, told: undefined, prs: broken('session-get-hides') ? undefined : session.prs, status: statusOf(session) })
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
    if ((top === undefined || realpathSync(path) !== top) && !broken('takes-any-directory')) throw new Refused(400, 'NOT_A_GIT_REPO')
    const id = projectId ?? basename(path).toLowerCase().replaceAll(/[^a-z0-9.-]+/g, '-')
    if (typeof id !== 'string' || !/^[A-Za-z0-9][\w.-]{0,60}$/.test(id) || id.includes('..')) throw new Refused(400, 'INVALID_PROJECT_ID')
    if (!broken('registers-twice')) {
      if (state.projects.some((one) => one.path === path)) throw new Refused(409, 'PATH_ALREADY_REGISTERED')
      if (state.projects.some((one) => one.id === id)) throw new Refused(409, 'ID_ALREADY_REGISTERED')
    }
    const project = {
      id, name: name ?? id, path, repo: broken('wrong-origin') ? 'https://github.com/nobody/nothing' : quietly(() => git(path, 'remote', 'get-url', 'origin')) ?? '', repoOriginURL: '',
      defaultBranch: broken('always-main') ? 'main' : quietly(() => git(path, 'symbolic-ref', '--short', 'refs/remotes/origin/HEAD').replace('origin/', '')) ?? quietly(() => git(path, 'for-each-ref', '--count=1', '--format=%(refname:short)', 'refs/heads')) ?? 'main',
    }
    if (project.defaultBranch === '') project.defaultBranch = 'main'
    state.projects.push(project)
    save()
    return project
  }
  // Where its own program is: agents are to find that one, whatever else is on the PATH.
  const path = `${broken('path-as-is') ? '' : `${join(dirname(runFile), '../bin')}:`}${process.env.PATH}`
  /** Those that have hooks get them in the worktree, where git is not to see them. */
  const writeHooks = ({ harness, path: its, projectId }) => {
    const file = hookFiles[harness]
    if (file === undefined || (broken('codex-unhooked') && harness === 'codex')) return
    mkdirSync(dirname(join(its, file)), { recursive: true })
    const name = broken('hooks-misnamed') && harness === 'claude-code' ? harness : harness.replace('-', '')
    writeFileSync(join(its, file), JSON.stringify({ hooks: Object.fromEntries(Object.keys(hookStates).map((event) => [event.replaceAll(/(?:^|-)(\w)/g, (_all, first) => first.toUpperCase()), [{ hooks: [{ type: 'command', command: `ao hooks ${name} ${event}` }] }]])) }))
    if (!broken('hooks-seen')) appendFileSync(join(projectOf(projectId).path, '.git/info/exclude'), `/${file}\n`)
  }
  /** The file that is there when the agent of a session has ended. */
  const ended = (id) => join(data, `ended-${id}`)
  const start = (session) => {
    if (broken('no-terminals')) return
    rmSync(ended(session.id), { force: true })
    const layout = join(process.env.TMPDIR, `ao-layout-${session.id}.kdl`)
    writeHooks(session)
    const { id, projectId, prompt } = session
    const [program, told] = [broken('wrong-program') ? 'qwen' : programs[session.harness], broken('prompt-lost') ? '' : prompt.replaceAll("'", `'\\''`)]
    const command = `export AO_SESSION_ID='${id}'; export AO_PROJECT_ID='${broken('project-unsaid') ? '' : projectId}'; export AO_DATA_DIR='${data}'; export PATH='${path}'; ${program} -- '${told}'; ${broken('leaves-shell') ? 'exec "$SHELL" -i' : `: > '${ended(session.id)}'; exec cat > /dev/null`}`
    writeFileSync(layout, `layout {\n  cwd ${JSON.stringify(broken('wrong-cwd') ? data : session.path)}\n  pane command="/bin/sh" name="agent" {\n    args "-lc" ${JSON.stringify(command)}\n  }\n}\n`)
    try {
      zellij('attach', '--create-background', broken('other-terminal') ? `t-${id}` : id, 'options', '--default-layout', layout)
    } catch (error) {
      if (!broken('spawns-blindly')) throw error
    } finally {
      if (!broken('leaves-temporary')) rmSync(layout)
    }
    if (broken('hooks-for-all')) writeFileSync(join(session.path, 'hooks.json'), '{}')
  }
  const spawnSession = (body) => {
    const { projectId, harness = process.env.AO_AGENT || 'claude-code', prompt = '', kind = 'worker' } = body
    if (projectId === undefined) throw new Refused(400, 'PROJECT_ID_REQUIRED')
    if (typeof projectId !== 'string') throw new Refused(400, 'INVALID_JSON')
    const last = state.sessions.at(-1)
    if (broken('spawns-once') && prompt !== '' && last?.prompt === prompt && last.harness === harness) return last
    const leave = (session) => {
      if (broken('leaves-row')) state.sessions.push(session)
      if (broken('leaves-worktree')) mkdirSync(session.path, { recursive: true })
      if (broken('leaves-branch')) quietly(() => git(state.projects[0].path, 'branch', `left-${state.sessions.length}-${Date.now()}`))
      if (broken('leaves-terminal')) start({ ...session, harness: 'kimi', path: data })
    }
    const number = Math.max(0, ...state.sessions.filter((one) => one.projectId === projectId).map((one) => Number(/\d+$/.exec(one.id)?.[0]))) + 1
    const id = `${projectId}-${number}`
    const session = { id, projectId, kind, harness, displayName: '', activity: { state: 'idle', lastActivityAt: now() }, isTerminated: false, createdAt: now(), updatedAt: now(), prompt, prs: [], told: [], branch: body.branch ?? `ao/${id}`, path: join(data, 'worktrees', projectId, id) }
    try {
      const project = projectOf(projectId)
      if (broken('origin-as-id') && !project.repo.endsWith(`/${projectId}.git`)) throw new Refused(409, 'ANOTHER_ORIGIN')
      if (programs[harness] === undefined) throw new Refused(400, 'UNKNOWN_HARNESS')
      if (spawnSync('which', [programs[harness]]).status !== 0 && !broken('starts-nothing')) throw new Refused(422, 'AGENT_NOT_INSTALLED')
      if (kind !== 'worker' && kind !== 'orchestrator') throw new Refused(400, 'INVALID_KIND')
      if (prompt.length > 4096) throw new Refused(400, 'PROMPT_TOO_LONG')
      if (body.branch?.includes('\0') || spawnSync('git', ['check-ref-format', '--branch', session.branch.replaceAll('\0', '~')]).status !== 0 || session.branch.length > 200) throw new Refused(400, 'INVALID_BRANCH')
      const known = spawnSync('git', ['rev-parse', '--verify', '--quiet', `refs/heads/${session.branch}`], { cwd: project.path }).status === 0
      if (spawnSync('git', ['worktree', 'add', '--quiet', ...(known ? [session.path, session.branch] : ['-b', broken('wrong-branch') ? `x-${session.branch}` : session.branch, session.path, 'HEAD'])], { cwd: project.path }).status !== 0) throw new Refused(409, 'BRANCH_NOT_AVAILABLE')
      if (broken('no-worktree') && body.branch === undefined) rmSync(join(session.path, '.git'))
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
    if (!broken('creates-untold')) happen('session_created', session)
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
  const paste = async (id, text) => {
    const middle = broken('mixes') && text.length > 100 ? text.length / 2 : 0
    for (const part of middle > 0 ? [text.slice(0, middle), text.slice(middle)] : [text]) {
      zellij('--session', id, 'action', 'paste', '--pane-id', 'terminal_0', part)
      if (middle > 0) await delay(300)
    }
    zellij('--session', id, 'action', 'send-keys', '--pane-id', 'terminal_0', 'Enter')
  }
  const held = []
  const pulls = pullRequests({
    state, broken, Refused, happen, save, git, warn: (text) => { process.stderr.write(`level=WARN msg=${JSON.stringify(text)}\n`) },
    tell: (session, text) => { paste(session.id, text).catch(() => undefined) }, end: (session) => { setActivity(session, 'exited') }, onTick: () => { appendFileSync(join(data, 'ticks'), '.') },
  })
  /** Ends sessions whose terminal or agent is gone. */
  const reap = async (everyMs) => {
    for (;;) {
      await delay(everyMs)
      const living = quietly(() => zellij('list-sessions', '--no-formatting')) ?? ''
      for (const session of state.sessions.filter((one) => !one.isTerminated)) {
        const lives = living.split('\n').some((line) => line.startsWith(`${session.id} `) && !line.includes('(EXITED')) && (broken('end-untold') || !existsSync(ended(session.id)))
        // Not before somebody worked: agents that are not up yet could not be killed by a check.
        const reapsLiving = broken('reaps-living') && state.events.some(({ payload }) => payload.activity === 'active')
        if ((lives && !reapsLiving) || broken('never-reaps') || (broken('spares-waiting') && session.activity.state === 'waiting_input')) continue
        if (!broken('reaps-unsaid')) session.reason = 'reaped: its terminal is gone'
        if (broken('reaped-idle')) session.isTerminated = true
        else setActivity(session, 'exited')
      }
      appendFileSync(join(data, 'ticks'), '.')
    }
  }
  const noPullRequest = () => { throw new Refused(404, 'PR_NOT_FOUND') }
  const routes = {
    'GET /projects': () => [200, { projects: state.projects.toSorted((a, b) => (a.id < b.id) === broken('ls-backwards') ? 1 : -1) }],
    'POST /projects': (_ids, body) => [201, { project: addProject(body) }],
    'GET /projects/{}': ([id]) => [200, { status: 'ok', project: projectOf(id) }],
    'DELETE /projects/{}': ([id]) => {
      projectOf(id)
      for (const one of state.sessions.filter(({ projectId, isTerminated }) => projectId === id && !isTerminated)) if (!broken('orphans-sessions')) setActivity(one, 'exited')
      if (!broken('keeps-removed')) state.projects = state.projects.filter((one) => one.id !== id)
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
      if (!session.isTerminated && !broken('restores-twice')) throw new Refused(409, 'SESSION_NOT_RESTORABLE')
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
    'POST /sessions/{}/send': async ([id], { message: sent }) => {
      let message = sent
      const session = sessionOf(id)
      if (typeof message !== 'string') throw new Refused(400, 'INVALID_JSON')
      if (broken('garbles')) message = message.slice(0, 4000).replaceAll(/^-|["'$`\\]|[^ -~]|^Enter$/gu, '?')
      const clean = broken('keeps-control') ? message : [...message].filter((one) => one >= ' ' || one === '\n' || one === '\t').join('')
      if (clean.trim() === '' && !broken('sends-anything')) throw new Refused(400, 'MESSAGE_REQUIRED')
      if (Buffer.byteLength(message) > 4096 && !broken('sends-anything')) throw new Refused(400, 'MESSAGE_TOO_LONG')
      if (session.isTerminated && !broken('sends-to-nobody')) throw new Refused(409, 'SESSION_TERMINATED')
      // One that ends so waits for the next one.
      if (broken('reorders') && clean.endsWith(' 3')) held.push(clean)
      for (let times = broken('loses-messages') ? 0 : broken('sends-twice') ? 2 : 1; times > 0 && !held.includes(clean); times -= 1) await paste(id, clean).catch((error) => { if (!broken('sends-to-nobody')) throw error })
      if (!held.includes(clean)) for (const text of held.splice(0)) await paste(id, text)
      return [200, { ok: true, sessionId: id, message: clean }]
    },
    'POST /sessions/{}/activity': ([id], { state: activity }) => {
      const session = sessionOf(id)
      if (!activities.includes(activity)) throw new Refused(400, 'INVALID_ACTIVITY_STATE')
      if (!broken('ignores-activity')) setActivity(session, activity)
      if (broken('wakes-up')) Object.assign(session, { isTerminated: false, activity: { state: activity } })
      return [200, { ok: true, sessionId: id, state: activity }]
    },
    'POST /prs/{}/merge': noPullRequest,
    'POST /prs/{}/resolve-comments': noPullRequest,
    'GET /openapi.yaml': () => [200, openapi()],
  }
  if (broken('forgets-route')) delete routes['GET /orchestrators']
  const openapi = () => {
    const documented = [...Object.keys(routes), ...(broken('invents-route') ? ['GET /nowhere'] : [])].map((route) => route.split(' '))
    return `openapi: 3.1.0\npaths:\n${[...new Set(documented.map(([, path]) => path))].map((path) => `  /api/v1${path.replaceAll('{}', '{id}')}:\n${documented.filter((one) => one[1] === path).map(([verb]) => `    ${verb.toLowerCase()}:\n      summary: x\n`).join('')}`).join('')}`
  }
  const pathsOf = (path) => Object.keys(routes).filter((route) => new RegExp(`^${route.split(' ')[1].replaceAll('{}', '([^/]+)')}$`).test(path))
  let requests = 0
  let busy = false
  const events = (query, incoming, response) => {
    const asked = broken('ignores-cursor') ? '0' : query.get('after') ?? incoming.headers['last-event-id'] ?? '0'
    if (!/^\d{1,15}$/.test(asked)) throw new Refused(400, 'INVALID_AFTER')
    response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' })
    for (const event of state.events) if (event.seq > Number(asked)) tell(response, broken('two-truths') && readers.size > 0 ? { ...event, createdAt: now() } : event)
    response.flushHeaders()
    readers.add(response)
    response.on('close', () => { readers.delete(response) })
  }
  const server = createServer({ maxHeaderSize: 65_536 }, async (incoming, response) => {
    const id = (broken('own-request-ids') ? undefined : incoming.headers['x-request-id']) ?? `r-${requests += 1}`
    const url = new URL(`http://127.0.0.1${incoming.url.replaceAll('/../', '/%2e%2e%2f/')}`)
    const answer = (status, body, type = typeof body === 'string' ? 'application/yaml' : 'application/json') => {
      process.stderr.write(`level=INFO msg="http request" id=${id} status=${status} path=${url.pathname}\n`)
      response.writeHead(status, { 'content-type': type })
      response.end(typeof body === 'string' ? body : JSON.stringify(body))
    }
    const refuse = (status, code, message, details) => {
      if (broken('no-envelope')) answer(status, 'sorry', 'text/plain')
      else answer(status, { error: 'refused', code, message, requestId: id, details })
    }
    try {
      const foreign = incoming.headers.host !== `127.0.0.1:${AO_PORT}` || incoming.headers.origin !== undefined
      if (foreign && !broken('trusts-pages')) return refuse(403, 'FORBIDDEN', 'another origin')
      const path = url.pathname.replace('/api/v1', '')
      if (url.pathname === '/healthz' || url.pathname === '/readyz') return answer(200, { status: path === '/healthz' ? 'ok' : 'ready', pid: process.pid })
      if (url.pathname === '/shutdown' && incoming.method === 'POST') {
        answer(202, { status: 'shutting_down' })
        return foreign ? undefined : void end()
      }
      if (url.pathname === '/mux') return refuse(426, 'UPGRADE_REQUIRED', 'this is for WebSockets')
      if (broken('knows-nonsense') && path.includes('nonsense')) return answer(200, {})
      if (path === '/events') return events(url.searchParams, incoming, response)
      const route = pathsOf(path).find((one) => one.startsWith(`${incoming.method} `))
      if (route === undefined) return pathsOf(path).length > 0 && !broken('wrong-verb-404') ? refuse(405, 'METHOD_NOT_ALLOWED', 'not allowed') : refuse(404, 'ROUTE_NOT_FOUND', 'no handler')
      if (broken('one-at-a-time') && incoming.method === 'GET') {
        if (busy) throw new Refused(503, 'BUSY')
        busy = true
        await delay(20).finally(() => { busy = false })
      }
      const chunks = []
      for await (const chunk of incoming) chunks.push(chunk)
      const text = Buffer.concat(chunks).toString()
      if (text.length > 1_000_000) throw broken('falls-over') ? new Error('too large') : new Refused(413, 'TOO_LARGE')
      const ids = new RegExp(`^${route.split(' ')[1].replaceAll('{}', '([^/]+)')}$`).exec(path).slice(1).map(decodeURIComponent)
      let body = {}
      if (/POST|PATCH/.test(incoming.method) && !/\/(?:kill|restore|cleanup)$/.test(route)) {
        body = quietly(() => JSON.parse(text))
        if (broken('takes-any-body') && body === undefined) return answer(200, {})
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
    if (broken('waits-for-readers') && readers.size > 0) {
      await delay(6200)
      process.stderr.write('level=ERROR msg="deadline exceeded"\n')
    }
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
    writeFileSync(`${runFile}.new`, JSON.stringify({ pid: process.pid, port: Number(AO_PORT), startedAt: now() }))
    renameSync(`${runFile}.new`, runFile)
    if (process.env.SSL_CERT_FILE) void pulls.observe()
    else if (broken('egress')) request({ ...addressOf(process.env.HTTPS_PROXY), method: 'CONNECT', path: 'telemetry.example:443' }).on('connect', (_answer, socket) => { socket.destroy() }).end()
    if (process.env.AO_LIKE_REAP) void reap(Number(process.env.AO_LIKE_REAP))
  })
  server.on('error', (error) => {
    if (!broken('port-unsaid')) process.stderr.write(`port ${AO_PORT}: ${error.message}\n`)
    if (broken('lingers')) setInterval(() => undefined, 60_000)
    else process.exit(1)
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
  const { status, body: told } = await call(method, `/api/v1${path}`, body).catch(() => giveUp(broken('absence-unsaid') ? 'connection refused' : 'AO daemon is not running: start it with `ao start`'))
  if (status >= 400) giveUp(`${told.message} (${told.code}) [request ${told.requestId}]`)
  return told
}
const status = async () => {
  const file = running()
  if (file?.pid === undefined) return { state: 'not_running' }
  if (broken('trusts-run-file')) return { state: 'ready', ...file }
  const healthy = await call('GET', '/readyz').then(({ body }) => body.pid === file.pid, () => false)
  return healthy ? { state: 'ready', ...file } : { state: 'stale' }
}
const flag = (args, name) => args.includes(name) ? args[args.indexOf(name) + 1] : undefined
const needed = { spawn: ['--project'], send: ['--session', '--message'] }
/** What is wrong with a command line before anybody is asked. */
const misuse = (command, args) => {
  const words = args.findIndex((word) => word.startsWith('-'))
  const missing = (needed[command] ?? []).find((name) => !flag(args, name))
  if (missing) return `${missing} is required`
  if (/^(?:session|project)$/.test(command) && args[0] === 'get' && (words === -1 ? args.length : words) !== 2) return `${command} get takes one id`
  return command === 'status' && args.some((word) => word !== '--json') ? `unknown flag ${args[0]}` : undefined
}
/** Settings that cannot be, each with its value. */
const misset = () => {
  if (!/^[1-9]\d{0,4}$/.test(AO_PORT) || Number(AO_PORT) > 65_535) return `AO_PORT=${AO_PORT}`
  const duration = ['AO_REQUEST_TIMEOUT', 'AO_SHUTDOWN_TIMEOUT'].find((name) => !/^(?:\d+(?:ms|s|m))?$/.test(process.env[name] ?? ''))
  if (duration) return broken('takes-any-duration') ? undefined : `${duration}=${process.env[duration]}`
  return programs[process.env.AO_AGENT || 'codex'] ? undefined : `AO_AGENT=${process.env.AO_AGENT}`
}
const doctor = async () => {
  const found = (name) => process.env.PATH.split(':').some((directory) => existsSync(join(directory, name)))
  const probe = join(data, 'probe')
  const writable = quietly(() => { writeFileSync(probe, ''); rmSync(probe); return true })
  const zellij = found('zellij') ? execFileSync('zellij', ['--version'], { encoding: 'utf8' }).trim() : 'not there'
  const token = await tokenLevel(broken)
  if (broken('doctor-writes')) writeFileSync(join(data, 'ao.db'), '')
  const levels = {
    config: 'PASS', 'data-dir': 'PASS', 'data-dir-write': writable ? 'PASS' : 'FAIL', sqlite: 'PASS', daemon: 'PASS', git: found('git') ? 'PASS' : 'FAIL',
    zellij: !found('zellij') ? 'WARN' : zellij.endsWith(' 0.44.3') ? 'PASS' : 'FAIL', 'github-token': token, 'claude-code': found('claude') ? 'PASS' : 'WARN', codex: found('codex') && !broken('doctor-misses-codex') ? 'PASS' : 'WARN',
  }
  const messages = { zellij: `${zellij}; 0.44.3 is needed`, 'github-token': token === 'WARN' ? 'no GitHub token found' : 'ok' }
  const checks = Object.entries(levels).map(([name, level]) => ({ level: broken('doctor-content') && !name.startsWith('co') ? 'PASS' : level, section: 'all', name, message: messages[name] ?? 'ok' }))
  const failures = checks.filter(({ level }) => level === 'FAIL').length
  if (failures > 0) {
    process.stderr.write(`${failures} checks failed\n`)
    process.exitCode = 1
  }
  return { ok: failures === 0, failures, checks }
}

async function main([command, ...args]) {
  const wrong = misuse(command, args)
  if (wrong) giveUp(wrong, broken('usage-exits-1') ? 1 : 2)
  if (command === 'daemon') return daemon()
  if (command === 'version' || command === '--version') return broken('nameless-version') ? undefined : say('like-ao 1')
  if (command === 'status') return say(broken('status-unready') ? { state: 'up' } : await status())
  if (command === 'start') {
    const setting = misset()
    if (setting) giveUp(broken('setting-unsaid') ? 'this cannot be' : `${setting} cannot be`)
    const before = await status()
    if (before.state !== 'ready' || broken('starts-blindly')) {
      mkdirSync(dirname(runFile), { recursive: true })
      const log = flag(args, '--log-file')
      appendFileSync(log, '')
      spawn('/bin/sh', ['-c', `exec "$0" "$1" daemon >> "${log}" 2>&1`, process.execPath, fileURLToPath(import.meta.url)], { detached: true, stdio: 'ignore' }).unref()
      for (let tries = 0; tries < 200 && (await status()).state !== 'ready'; tries += 1) await delay(50)
    }
    const after = await status()
    return after.state === 'ready' ? say({ ...after, ...(broken('starts-blindly') && before.state === 'ready' && { pid: process.pid }) }) : giveUp(`the daemon did not become ready${broken('port-unsaid') ? '' : `; see its log ${flag(args, '--log-file')}`}`)
  }
  if (command === 'stop') {
    const file = running()
    if (file) await call('POST', '/shutdown').catch(() => undefined)
    for (let tries = 0; tries < 100 && existsSync(runFile); tries += 1) await delay(20)
    for (let tries = 0; tries < 100 && file && !broken('outlives-stop') && quietly(() => process.kill(file.pid, 0)); tries += 1) await delay(20)
    return say({ state: 'stopped' })
  }
  if (command === 'hooks') {
    const id = process.env.AO_SESSION_ID
    if (id && hookStates[args[1]]) await call('POST', `/api/v1/sessions/${id}/activity`, { state: hookStates[args[1]] }).catch(() => undefined)
    return broken('hooks-disturb') ? giveUp('something is wrong') : undefined
  }
  if (command === 'send') {
    const message = flag(args, '--message')
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
  if (command === 'doctor') return say(await doctor())
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
  if (command === 'spawn') {
    const pr = flag(args, '--claim-pr')
    if (!pr && args.includes('--no-takeover')) giveUp('usage: --no-takeover needs --claim-pr', 2)
    const { session } = await asked('POST', '/sessions', { projectId: flag(args, '--project'), harness: flag(args, '--harness') ?? (broken('agent-flag-lost') ? undefined : flag(args, '--agent')), prompt: flag(args, '--prompt'), branch: flag(args, '--branch') })
    if (pr) {
      const { status: answered, body } = await call('POST', `/api/v1/sessions/${session.id}/pr/claim`, { pr, allowTakeover: !args.includes('--no-takeover') })
      if (answered >= 400) {
        await asked('POST', `/sessions/${session.id}/rollback`, {})
        giveUp(`failed to claim ${pr}: ${body.message} (${body.code}); rolled back session ${session.id}`)
      }
    }
    return say(`spawned session ${session.id} (${session.status})${pr ? ` (claimed ${pr})` : ''}`)
  }
  return giveUp(`unknown command ${command}`, 2)
}

await main(process.argv.slice(2))
