import { expect, test } from 'vitest'
import { hasInEnvironment, readProcesses } from '../../harness/processes/table.ts'
import type { Finding } from '../../harness/suite.ts'
import { flagsIn, routesIn } from './capabilities.ts'
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
async function examine(titles: readonly string[], fault = '', started = true): Promise<Finding[]> {
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
const foreignAo = '7.2 an agent finds the ao that started it, also with another one on the PATH'
const addWrong = '2.1 add refuses what is no new repository, and registers nothing'

test.concurrent('a daemon that keeps its promises gives no finding', async () => {
  const found = await examine([
    '1.2 status: ready',
    refusals, '3.1 a branch that another session has', '3.1 the terminal program fails', '3.1 the program of the agent is not there', '3.3 harness codex', '3.7 kill of what is not there',
    '5.1 send reaches the agent, and the screen', '5.2 the sender stands before the message', '5.3 control characters are taken out', '5.1 send keeps quotes and dollars', '5.1 send keeps 4096 bytes',
    '7.2 ao hooks claude-code user-prompt-submit', '7.2 activity that is refused', '7.2 exited ends the session, and nothing wakes it',
    order, table, '10.1 what changes nothing is no event', '10.2 the stream replays, then goes on live', '10.2 the cursor is honoured', '10.2 a restart replays the same, and goes on counting',
    '11 /mux opens a WebSocket, and not to a web page', '11 a large body is refused, and the daemon lives', '11 the id of a request comes back', '1.1 a web page cannot shut it down', answers, outside, '10 events of lane x', stop,
  ])
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

test.concurrent('a daemon that registers as promised gives no finding', async () => {
  const found = await examine(['2.1 add registers a clone with its origin', addWrong, '2.1 add takes every legal repository, and tells its default branch', '2.1 add at the same time registers once', ...listAndRemove.slice(1)])
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

test.concurrent('start, crash and restart of a daemon that keeps its promises give no finding', async () => {
  const found = await examine(['1.1 start: ready, and the run file says the same', '1.1 a second start finds the first', '1.5 kill -9: the status says so, and start recovers', '1.1 a run file that is broken', '1.1 the port is taken', foreignAo], '', false)
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

/** The life of sessions and orchestrators. */
const lives = [
  ...Object.keys(spawnChecks).filter((title) => /^3\.[4-9] /.test(title)), ...Object.keys(orchestratorChecks), '7.1 opencode has no hooks of its own',
]
test.concurrent('a daemon that keeps its promises of sessions and orchestrators gives no finding', async () => {
  const found = await examine(lives)
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

const lifeFaults: Readonly<Record<string, readonly string[]>> = {
  'ls-shows-all': ['ls-project', 'ls-terminated', 'session-ls'], 'query-unread': ['ls-query project=other', 'ls-query active=false'], 'cleans-dirty': ['work-lost'], 'get-is-bare': ['get', 'get-activity'], 'rename-forgets': ['rename'], 'restores-row-alone': ['restored-agent'],
  'cleans-living': ['cleanup-live'], 'cleans-again': ['cleanup-again'], 'project-untold': ['project'], 'orchestrators-forgotten': ['list'], 'any-is-orchestrator': ['accepted GET /orchestrators/{}: a worker'], 'clean-keeps-old': ['clean-old'],
  'hooks-for-all': ['hook-config'],
}
test.concurrent(`of sessions and orchestrators are found: ${Object.keys(lifeFaults).join(', ')}`, async () => {
  const ids = (await examine(lives, Object.keys(lifeFaults).join(','))).map(({ id }) => id)
  expect(Object.fromEntries(Object.entries(lifeFaults).map(([fault, wanted]) => [fault, wanted.filter((id) => ids.includes(id))]))).toEqual(lifeFaults)
}, 300_000)

test.concurrent.each([
  { fault: '', finds: [] },
  { fault: 'cleans-nothing,leaves-temporary,kill-keeps-terminal,shares-sockets', finds: ['terminals', 'worktrees', 'processes', 'temporary', 'socket-directory'] },
])('a teardown with the fault "$fault" gives exactly these findings: $finds', async ({ fault, finds }) => {
  expect((await examine(Object.keys(cleanChecks), fault)).map(({ id }) => id)).toEqual(finds)
}, 180_000)

test.concurrent.each([
  { fault: 'opaque-500', titles: [refusals, answers], finds: ['5xx POST /sessions: an unknown project', 'cause-not-logged'] },
  { fault: 'leaves-row', titles: [refusals], finds: ['leftover rows POST /sessions: an illegal branch'] },
  { fault: 'leaves-worktree', titles: [refusals], finds: ['leftover worktrees POST /sessions: an unknown harness'] },
  { fault: 'leaves-branch', titles: [refusals], finds: ['leftover branches POST /sessions: an unknown harness'] },
  { fault: 'leaves-terminal', titles: ['3.1 a branch that another session has'], finds: ['leftover terminals POST /sessions: a branch that another session has'] },
  { fault: 'starts-nothing', titles: ['3.1 the program of the agent is not there'], finds: ['accepted POST /sessions: an agent that is not installed'] },
  { fault: 'no-envelope', titles: ['2.3 get of what is not there'], finds: ['code GET /projects/{}: an unknown project', 'get-unknown'] },
  { fault: 'no-envelope', titles: ['7.2 activity that is refused', answers], finds: ['no-envelope'] },
  { fault: 'local-time', titles: [order, answers], finds: ['time-not-utc'] },
  { fault: 'gap', titles: [order], finds: ['gaps'] },
  { fault: 'table-lags', titles: [table], finds: ['table'] },
  { fault: 'egress', titles: [outside], finds: ['egress'] },
  { fault: 'no-live', titles: ['10.2 the stream replays, then goes on live'], finds: ['live'] },
  { fault: 'ignores-cursor', titles: ['10.2 the cursor is honoured'], finds: ['cursor ?after', 'cursor Last-Event-ID', 'bad-cursor x'] },
  { fault: 'repeats-events', titles: ['10.1 what changes nothing is no event'], finds: ['repeated'] },
  { fault: 'loses-messages', titles: ['5.2 the sender stands before the message'], finds: ['prefix'] },
  { fault: 'sends-twice', titles: ['5.1 send reaches the agent, and the screen'], finds: ['arrived'] },
  { fault: 'keeps-control', titles: ['5.3 control characters are taken out'], finds: ['control'] },
  { fault: 'ignores-activity', titles: ['7.2 POST activity active', '7.2 ao hooks claude-code user-prompt-submit'], finds: ['activity', 'hook'] },
  { fault: 'wakes-up', titles: ['7.2 exited ends the session, and nothing wakes it'], finds: ['woken'] },
  { fault: 'kills-unknown', titles: ['3.7 kill of what is not there'], finds: ['accepted POST /sessions/{}/kill: an unknown session'] },
  { fault: 'kill-keeps-terminal', titles: ['7.2 POST activity active', stop], finds: ['terminals-left'] },
  { fault: 'kill-keeps-terminal', titles: ['3.7 kill ends a session of kimi'], finds: ['terminal-left', 'agent-left'] },
  { fault: 'registers-twice', titles: ['2.1 add at the same time registers once'], finds: ['registered-twice'] },
  { fault: 'orphans-sessions', titles: ['2.4 rm of a project with a session that lives'], finds: ['orphan'] },
  { fault: 'gap', titles: ['10.1 what changes nothing is no event', '10 events of lane x'], finds: ['gaps'] },
  { fault: 'asks-nothing', titles: listAndRemove, finds: ['rm-unconfirmed'] },
  { fault: 'always-main', titles: ['2.1 add takes every legal repository, and tells its default branch'], finds: ['default-branch default branch master'] },
  { fault: 'forgets-projects', titles: ['2.1 add makes an id of the directory, where none is given', '2 projects are there after a restart'], finds: ['lost'] },
  { fault: 'wrong-verb-404', titles: ['11 wrong verbs are answered with 405'], finds: ['put-project', 'options /projects'] },
  { fault: 'mux-for-all', titles: ['11 /mux opens a WebSocket, and not to a web page'], finds: ['mux-origin'] },
  { fault: 'no-mux', titles: ['11 /mux opens a WebSocket, and not to a web page'], finds: ['mux-websocket'] },
  { fault: 'trusts-run-file', titles: ['1.1 a run file that is broken'], finds: ['run-file-trusted a pid of somebody else'] },
  { fault: 'outlives-stop', titles: [stop], finds: ['outlives-stop'] },
  { fault: 'path-as-is', titles: ['1.5 stop: the process ends, the run file goes', foreignAo], finds: ['foreign-ao'] },
  { fault: 'port-unsaid', titles: ['1.5 stop: the process ends, the run file goes', '1.1 the port is taken'], finds: ['port-why', 'port-where'] },
  { fault: 'panics', titles: ['1 a wrong command line'], finds: ['panic ao nonsense'] },
])('$fault is found', async ({ fault, titles, finds }) => {
  const ids = (await examine(titles, fault)).map(({ id }) => id)
  for (const id of finds) expect(ids).toContain(id)
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

test('routes and flags are read from what AO says of itself', () => {
  const yaml = 'openapi: 3.1.0\npaths:\n  /api/v1/projects:\n    get:\n      x: y\n    post:\n      x: y\n  "/api/v1/sessions/{sessionId}/kill":\n    post: {}\ncomponents:\n  /no:\n    get:\n'
  expect(routesIn(yaml)).toEqual(['GET /api/v1/projects', 'POST /api/v1/projects', 'POST /api/v1/sessions/{}/kill'])
  expect(flagsIn('  --project string\n  --agent, --project')).toEqual(['project', 'agent'])
})
