import { expect, test } from 'vitest'
import { hasInEnvironment, readProcesses } from '../../harness/processes/table.ts'
import { routesIn } from './capabilities.ts'
import { cdcChecks } from './checks/cdc.ts'
import { daemonChecks } from './checks/daemon.ts'
import { hookChecks } from './checks/hooks.ts'
import { httpChecks } from './checks/http-api.ts'
import { orchestratorChecks } from './checks/orchestrators.ts'
import { projectChecks } from './checks/projects.ts'
import { reaperChecks } from './checks/reaper.ts'
import { sendChecks } from './checks/send.ts'
import { spawnChecks } from './checks/spawn.ts'
import { cleanChecks } from './checks/verify-clean.ts'
import { countingRounds } from './comes.ts'
import { allChecks, type AoChecks } from './lanes/checks-lane.ts'
import * as ours from './stand-ins/like-ao.ts'

const checks: AoChecks = { ...daemonChecks, ...projectChecks, ...spawnChecks, ...sendChecks, ...hookChecks, ...cdcChecks, ...httpChecks, ...orchestratorChecks, ...cleanChecks, ...allChecks('x', { checks: {} }) }

/** Runs checks against a daemon of ours with a fault, and tells what they find. */
async function examine(titles: readonly string[], fault = '', started = true): Promise<ours.Examined['found']> {
  const ao = await ours.likeAo(fault)
  try {
    if (started) await ours.startLikeAo(ao)
    const { found, thrown } = await ours.examine(ao, checks, titles)
    expect(thrown).toEqual([])
    return found
  } finally {
    await ao.remove()
  }
}

const refusals = '3.1 what cannot be spawned is refused, and leaves nothing'
const order = '10.1 what happens is in the log, in order and without gaps'
const table = '10.1 the table change_log has what the stream tells'
const outside = '6 nobody outside of this machine is asked in lane x'
const answers = '11 every answer in lane x'
const stop = '1.5 the daemon of lane x ends and takes its sessions along'
const listAndRemove = ['2.1 add registers a clone with its origin', '2.1 add registers a local repository with an empty origin', '2.2 ls lists all, sorted', '2.4 rm removes, and the path can be registered again']
const spawned = '3.1 spawn makes a session with worktree, branch, terminal and agent'
const [atOnce, inARow, notSendable] = ['5.1 two at the same time do not mix', '5.1 many in a row arrive once and in order', '5.3 what cannot be sent is refused, and does not arrive']
const [toEnded, toDead] = ['5.1 send to a session that has ended', '5.1 send to a session whose terminal has died']
const kept = ['4096 bytes', 'a leading dash', 'quotes and dollars', 'umlauts and emoji', 'a name of a key', 'a trailing backslash'].map((what) => `5.1 send keeps ${what}`)
const restarted = '3 sessions are there after a restart of the daemon'
const hooked = ['claude-code', 'codex', 'cursor'].map((harness) => `7.1 hooks of ${harness} are in the worktree`)
const ownHooks = ['UserPromptSubmit makes it active', 'Notification makes it waiting_input', 'Stop makes it idle'].map((what) => `7.2 the agent's own hook ${what}`)
const undisturbed = '7.2 a hook never disturbs the agent'
const readers = ['10.2 two readers read the same', '10.2 many events at once lose none', '10.2 a restart replays the same, and goes on counting', '10.2 stop ends also while somebody reads']
const [routes, documented, unknown] = ['11 every promised route is there', '11 the OpenAPI text has the same routes', '11 unknown routes are answered with 404']
const [noBody, noId, large, sameId, sixty] = ['11 a body that is no request is refused', '11 ids that are none are not found', '11 a large body is refused, and the daemon lives', '11 the id of a request comes back', '11 many requests at once are all answered']
const [webSocket, wrongVerbs] = ['11 /mux opens a WebSocket, and not to a web page', '11 wrong verbs are answered with 405']
const page = '1.1 a web page cannot shut it down'
const [removed, places, fourAtOnce, noTerminal, agentFlag] = ['3.1 a project that was removed', '3.1 legal repositories can be worked in', '3.1 four spawns at once', '3.1 the terminal program fails', '3.2 --agent is the same as --harness']
const [twice, race, crash] = ['1.1 a second start finds the first', '1.1 two starts at once make one daemon', '1.5 kill -9: the status says so, and start recovers']
const doctors = ['before the first start', 'everything that is here passes', 'without git and terminal program', 'the data directory cannot be written', 'a zellij that is too old'].map((what) => `1.3 doctor${what.startsWith('before') || what.startsWith('without') ? '' : ':'} ${what}`)
const [commandLine, settings] = ['1 a wrong command line', '1.1 settings that cannot be']
const foreignAo = '7.2 an agent finds the ao that started it, also with another one on the PATH'
const legalRepositories = '2.1 add takes every legal repository, and tells its default branch'
const addWrong = '2.1 add refuses what is no new repository, and registers nothing'

test.concurrent('a daemon that keeps its promises gives no finding', async () => {
  const found = await examine([
    '1.2 status: ready', spawned,
    refusals, '3.1 a branch that another session has', '3.1 the program of the agent is not there', '3.3 harness cursor', '3.7 kill of what is not there',
    '5.1 send reaches the agent, and the screen', '5.2 the sender stands before the message', '5.3 control characters are taken out', notSendable, ...kept, inARow, atOnce, toEnded, toDead,
    ...hooked, ...ownHooks, undisturbed, '7.2 ao hooks claude-code user-prompt-submit', '7.2 activity that is refused', '7.2 exited ends the session, and nothing wakes it',
    order, table, '10.1 what changes nothing is no event', '10.2 the stream replays, then goes on live', '10.2 the cursor is honoured', ...readers, answers, outside, '10 events of lane x', stop,
  ])
  // How long a stop takes on a busy machine is nobody's promise here.
  expect(found.filter(({ id }) => id !== 'stop-waits-for-readers').map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

test.concurrent('a daemon that registers as promised gives no finding', async () => {
  const found = await examine(['2.1 add registers a clone with its origin', addWrong, legalRepositories, '2.1 add at the same time registers once', ...listAndRemove.slice(1), '2.3 get of what is not there', '2.1 add makes an id of the directory, where none is given', '2 projects are there after a restart'])
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

test.concurrent('start, crash and restart of a daemon that keeps its promises give no finding', async () => {
  const [fresh = '', ...others] = doctors
  const found = await examine([fresh, '1.1 start: ready, and the run file says the same', twice, '1.2 status: ready', ...others, '1.4 version', '1.5 stop: the process ends, the run file goes', race, crash, '1.1 a run file that is broken', '1.1 the port is taken', settings, foreignAo, commandLine, '1.1 it starts once more'], '', false)
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

test.concurrent('a daemon that answers as promised gives no finding', async () => {
  const found = await examine([routes, documented, wrongVerbs, unknown, noBody, noId, webSocket, large, sameId, sixty, page, answers])
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

/** The life of sessions and orchestrators. */
const lives = [
  ...Object.keys(spawnChecks).filter((title) => /^3\.[4-9] /.test(title)), ...Object.keys(orchestratorChecks), '7.1 opencode has no hooks of its own', '10 events of lane x',
]
test.concurrent('a daemon that keeps its promises of sessions and orchestrators gives no finding', async () => {
  const found = await examine([...lives, removed, places, fourAtOnce, noTerminal, agentFlag, restarted])
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

const lifeFaults: Readonly<Record<string, readonly string[]>> = {
  'ls-shows-all': ['ls-project', 'ls-terminated', 'session-ls'], 'query-unread': ['ls-query project=other', 'ls-query active=false'], 'cleans-dirty': ['work-lost'], 'get-is-bare': ['get', 'get-activity'], 'rename-forgets': ['rename'], 'restores-row-alone': ['restored-agent'],
  'cleans-living': ['cleanup-live'], 'cleans-again': ['cleanup-again'], 'project-untold': ['project'], 'orchestrators-forgotten': ['list'], 'any-is-orchestrator': ['accepted GET /orchestrators/{}: a worker'], 'clean-keeps-old': ['clean-old'],
  'hooks-for-all': ['hook-config'], 'restores-twice': ['restore-at-once', 'accepted POST /sessions/{}/restore: a session that lives'], 'restart-loses-work': ['work-lost-by-restart'], 'creates-untold': ['untold'],
}
test.concurrent(`of sessions and orchestrators are found: ${Object.keys(lifeFaults).join(', ')}`, async () => {
  const ids = (await examine(lives, Object.keys(lifeFaults).join(','))).map(({ id }) => id)
  expect(Object.fromEntries(Object.entries(lifeFaults).map(([fault, wanted]) => [fault, wanted.filter((id) => ids.includes(id))]))).toEqual(lifeFaults)
}, 300_000)

/** Faults of a daemon that has them all: each with the checks that see it, in the order in which they are made, and what they find. */
const walks: Readonly<Record<string, readonly (readonly [fault: string, check: string, ...finds: string[]])[]>> = {
  'a spawn': [
    ['origin-as-id', places, 'spawn no remote', 'spawn a dot in the id'], ['keeps-removed', removed, 'accepted POST /sessions: a removed project'], ['spawns-blindly', noTerminal, 'terminal-broken-accepted'],
    ['wrong-program', spawned, 'program first'], ['wrong-branch', spawned, 'branch first'], ['row-lies', spawned, 'row', 'kind'], ['row-lies', '3.3 harness codex', 'harness'],
    ...['wrong-program: program', 'wrong-cwd: cwd', 'prompt-lost: prompt', 'project-unsaid: env', 'other-terminal: terminal', 'no-worktree: worktree'].map((one) => one.split(': ')).map(([fault = '', id = '']) => [fault, '3.3 harness cursor', `${id} cursor`] as const),
    ['agent-flag-lost', agentFlag, 'agent-flag'], ['spawns-once', fourAtOnce, 'same-id'],
  ],
  'messages, hooks and events': [
    ...kept.map((check) => ['garbles', check, 'kept'] as const), ['reorders', inARow, 'order'], ['mixes', atOnce, 'mixed'],
    ['sends-anything', notSendable, 'accepted POST /sessions/{}/send: an empty message', 'accepted POST /sessions/{}/send: 4097 bytes', 'refused-arrived'],
    ['sends-to-nobody', toEnded, 'accepted POST /sessions/{}/send: a session that has ended'], ['sends-to-nobody', toDead, 'lost'], ['forgets-ended', restarted, 'rows-lost'],
    ['hooks-misnamed', hooked[0] ?? '', 'hook-token'], ['hooks-seen', hooked[0] ?? '', 'worktree-dirty'], ['codex-unhooked', hooked[1] ?? '', 'hook-file'], ['hooks-seen', hooked[2] ?? '', 'worktree-dirty'],
    ...ownHooks.map((check) => ['hooks-disturb', check, 'hook-exit'] as const), ['hooks-disturb', undisturbed, 'hook an unknown session', 'hook an unknown event'],
    ['repeats-events', '10.1 what changes nothing is no event', 'repeated'], ['no-mux', webSocket, 'mux-websocket'],
    ['two-truths', readers[0] ?? '', 'readers'], ['drops-live', readers[1] ?? '', 'burst'], ['rewrites-log', readers[2] ?? '', 'replay-changed'], ['counts-on-anew', readers[2] ?? '', 'restart-gap'], ['waits-for-readers', readers[3] ?? '', 'stop-waits-for-readers', 'stop-error'],
  ],
  'what is asked': [
    ['gap', order, 'gaps'], ['no-live', '10.2 the stream replays, then goes on live', 'live'], ['ignores-cursor', '10.2 the cursor is honoured', 'cursor ?after', 'cursor Last-Event-ID', 'bad-cursor x'], ['table-lags', table, 'table'],
    ['wakes-up', '7.2 exited ends the session, and nothing wakes it', 'woken'], ['kills-unknown', '3.7 kill of what is not there', 'accepted POST /sessions/{}/kill: an unknown session'],
    ['wrong-verb-404', wrongVerbs, 'put-project', 'options /projects'], ['mux-for-all', webSocket, 'mux-origin'], ['egress', outside, 'egress'], ['gap', '10 events of lane x', 'gaps'],
    ['forgets-route', routes, 'missing GET /orchestrators'], ['forgets-route', documented, 'undocumented GET /orchestrators'], ['invents-route', documented, 'documented-missing GET /api/v1/nowhere'], ['knows-nonsense', unknown, 'unknown /nonsense', 'unknown-root'],
    ['takes-any-body', noBody, 'accepted POST /sessions: half of JSON'], ['kills-unknown', noId, 'accepted POST /sessions/{}/kill: odd id'], ['falls-over', large, 'large POST /projects'], ['own-request-ids', sameId, 'request-id', 'request-id-log'], ['one-at-a-time', sixty, 'at-once'],
    ['trusts-pages', page, 'shutdown-origin', 'shutdown-host', 'write-from-origin', 'read-with-host'], ['starts-blindly', twice, 'start-again'], ['lingers', twice, 'two-daemons'], ['starts-blindly', race, 'start-race'],
  ],
}
test.concurrent.each(Object.entries(walks))('in %s each fault is found', async (_what, rows) => {
  const found = await examine([...new Set(rows.map(([, check]) => check))], [...new Set(rows.map(([fault]) => fault))].join(','))
  const has = ([, check, ...finds]: typeof rows[number]): boolean => finds.every((id) => found.some((one) => one.check === check && one.id === id))
  expect(rows.filter((row) => !has(row))).toEqual([])
}, 300_000)

test.concurrent.each([
  { fault: '', finds: [] },
  { fault: 'cleans-nothing,leaves-temporary,kill-keeps-terminal,shares-sockets', finds: ['terminals', 'worktrees', 'processes', 'temporary', 'socket-directory'] },
])('a teardown with the fault "$fault" gives exactly these findings: $finds', async ({ fault, finds }) => {
  expect((await examine(Object.keys(cleanChecks), fault)).map(({ id }) => id)).toEqual(finds)
}, 180_000)

test.concurrent.each([
  { fault: 'opaque-500,leaves-row,leaves-worktree,leaves-branch', titles: [refusals, answers], finds: ['5xx POST /sessions: an unknown project', 'cause-not-logged', 'leftover rows POST /sessions: an illegal branch', 'leftover worktrees POST /sessions: an unknown harness', 'leftover branches POST /sessions: an unknown harness'] },
  { fault: 'leaves-terminal', titles: ['3.1 a branch that another session has'], finds: ['leftover terminals POST /sessions: a branch that another session has'] },
  { fault: 'starts-nothing', titles: ['3.1 the program of the agent is not there'], finds: ['accepted POST /sessions: an agent that is not installed'] },
  { fault: 'no-envelope', titles: ['2.3 get of what is not there'], finds: ['code GET /projects/{}: an unknown project', 'get-unknown'] },
  { fault: 'no-envelope', titles: ['7.2 activity that is refused', answers], finds: ['no-envelope'] },
  { fault: 'local-time', titles: [order, answers], finds: ['time-not-utc'] },
  { fault: 'loses-messages', titles: ['5.2 the sender stands before the message'], finds: ['prefix'] },
  { fault: 'sends-twice', titles: ['5.1 send reaches the agent, and the screen'], finds: ['arrived'] },
  { fault: 'keeps-control', titles: ['5.3 control characters are taken out'], finds: ['control'] },
  { fault: 'ignores-activity', titles: ['7.2 POST activity active', '7.2 ao hooks claude-code user-prompt-submit'], finds: ['activity', 'hook'] },
  { fault: 'kill-keeps-terminal', titles: ['7.2 POST activity active', stop], finds: ['terminals-left'] },
  { fault: 'kill-keeps-terminal', titles: ['3.7 kill ends a session of kimi'], finds: ['terminal-left', 'agent-left'] },
  { fault: 'registers-twice', titles: ['2.1 add at the same time registers once'], finds: ['registered-twice'] },
  { fault: 'orphans-sessions', titles: ['2.4 rm of a project with a session that lives'], finds: ['orphan'] },
  { fault: 'asks-nothing,takes-any-directory,wrong-origin,ls-backwards,always-main,forgets-projects', titles: [...listAndRemove.slice(0, 2), addWrong, ...listAndRemove.slice(2), legalRepositories, '2 projects are there after a restart'], finds: ['default-branch default branch master', 'lost', 'rm-unconfirmed', 'accepted POST /projects: a directory without a repository', 'origin', 'origin-local', 'ls-order'] },
  { fault: 'trusts-run-file', titles: [crash, '1.1 a run file that is broken'], finds: ['status-after-crash', 'run-file-trusted a pid of somebody else'] },
  { fault: 'outlives-stop', titles: [stop], finds: ['outlives-stop'] },
  { fault: 'path-as-is', titles: ['1.5 stop: the process ends, the run file goes', foreignAo], finds: ['foreign-ao'] },
  { fault: 'port-unsaid,setting-unsaid,takes-any-duration', titles: ['1.5 stop: the process ends, the run file goes', '1.1 the port is taken', settings], finds: ['port-why', 'port-where', 'unnamed AO_PORT=abc', 'accepted AO_REQUEST_TIMEOUT=soon'] },
])('$fault is found', async ({ fault, titles, finds }) => {
  const ids = (await examine(titles, fault)).map(({ id }) => id)
  for (const id of finds) expect(ids).toContain(id)
}, 180_000)

test.concurrent('of a command line is found what it says wrongly, without a daemon', async () => {
  const found = await examine([...doctors, '1.2 status: ready', '1.4 version', commandLine], 'doctor-writes,doctor-content,doctor-misses-codex,status-unready,nameless-version,usage-exits-1,panics,absence-unsaid', false)
  expect(found.map(({ id }) => id)).toEqual(expect.arrayContaining(['doctor-writes', 'doctor codex', 'doctor-no-git', 'doctor-no-terminal', 'doctor-no-token', 'doctor-unwritable', 'doctor-old-zellij', 'status', 'status-text', 'version', 'usage status --nonsense', 'panic ao nonsense', 'not-running']))
}, 180_000)

test.concurrent.each([
  { fault: '', finds: [] },
  { fault: 'never-reaps', finds: ['not-reaped', 'waiting-not-reaped', 'dead-agent-works'] },
  { fault: 'spares-waiting', finds: ['waiting-not-reaped'] },
  { fault: 'reaps-living', finds: ['reaped-alive'] },
  { fault: 'reaps-unsaid', finds: ['no-reason'] },
  { fault: 'end-untold', finds: ['dead-agent-works'] },
  { fault: 'leaves-shell', finds: ['dead-agent-works', 'run-by-shell'] },
  { fault: 'reaped-idle', finds: ['reaped-activity', 'reaped-activity'] },
])('a reaper with the fault "$fault" gives exactly these findings: $finds', async ({ fault, finds }) => {
  const ao = await ours.likeAo(fault, { AO_LIKE_REAP: '300' })
  try {
    await ours.startLikeAo(ao)
    const { found, thrown } = await countingRounds(ao.rounds, () => ours.examine(ao, reaperChecks))
    expect(thrown).toEqual([])
    expect(found.map(({ id }) => id)).toEqual(finds)
  } finally {
    await ao.remove()
  }
}, 180_000)

test.concurrent('a daemon of ours that was told to outlive its stop is ended with what a test made', async () => {
  const ao = await ours.likeAo('outlives-stop')
  try {
    await ours.startLikeAo(ao)
    await ao.daemon.ao(['stop'])
  } finally {
    await ao.remove()
  }
  expect(readProcesses().filter(({ pid, zombie }) => !zombie && hasInEnvironment(pid, 'AO_DATA_DIR', ao.daemon.data))).toEqual([])
}, 60_000)

test.concurrent('a finding says how to see it by hand', async () => {
  const [finding] = await examine(['3.7 kill of what is not there'], 'kills-unknown')
  expect(finding).toMatchObject({ section: '3.7', promised: 'an unknown session: is refused' })
  expect(finding?.reproduce).toContain('curl -i -X POST "http://127.0.0.1:$AO_PORT/api/v1/sessions/nobody-1/kill"')
  expect(finding?.happened).toMatch(/POST \/api\/v1\/sessions\/nobody-1\/kill -> 200/)
})

test('routes are read from what AO says of itself', () => {
  const yaml = 'openapi: 3.1.0\npaths:\n  /api/v1/projects:\n    get:\n      x: y\n    post:\n      x: y\n  "/api/v1/sessions/{sessionId}/kill":\n    post: {}\ncomponents:\n  /no:\n    get:\n'
  expect(routesIn(yaml)).toEqual(['GET /api/v1/projects', 'POST /api/v1/projects', 'POST /api/v1/sessions/{}/kill'])
})
