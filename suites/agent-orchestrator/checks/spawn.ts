import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { identify, isAlive } from '../../../harness/processes/table.ts'
import { fail } from '../../../harness/verdict.ts'
import { waitFor } from '../../../helpers/wait-for.ts'
import { agentEvent, agentEvents, harnessPrograms } from '../agents.ts'
import { variableOf } from '../by-hand.ts'
import { comes } from '../comes.ts'
import { isRecord, jsonOf, showCli, type Answer, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import { activityOf, sessionOf, type World } from '../world.ts'

const idOf = ({ body }: Answer): string | undefined => isRecord(body.session) && typeof body.session.id === 'string' ? body.session.id : undefined
const listed = async (exam: Exam): Promise<{ id: string; isTerminated: boolean }[]> => {
  const { body } = await exam.api('GET', '/sessions')
  return Array.isArray(body.sessions) ? body.sessions as { id: string; isTerminated: boolean }[] : []
}

/** Looks at everything a live session is to have. */
async function expectLive(exam: Exam, world: World, id: string, { project = 'ws', program, branch, prompt, as }: { project?: string; program: string; branch?: string; prompt: string; as: string }): Promise<void> {
  const worktree = world.worktree(id, project)
  const started = await agentEvent(world.daemon.agentLog, ({ event, session }) => event === 'started' && session === id)
  if (exam.expect(started !== undefined, `agent ${as}`, 'the agent is started', `no ${program} was started for ${id}; log: ${world.daemon.logText().split('\n').slice(-3).join(' | ')}`) && started) {
    exam.expect(started.agent === program, `program ${as}`, `${program} is started`, started.agent)
    exam.expect(started.cwd === worktree, `cwd ${as}`, 'it works in the worktree of the session', `cwd ${started.cwd ?? ''}, worktree ${worktree}`)
    exam.expect((started.argv ?? []).some((word) => word.includes(prompt)), `prompt ${as}`, 'the prompt reaches it', JSON.stringify(started.argv))
    exam.expect(started.env?.AO_PROJECT_ID === project, `env ${as}`, 'AO_PROJECT_ID is in its environment', JSON.stringify(started.env))
  }
  exam.expect((await world.daemon.terminals.list()).includes(id), `terminal ${as}`, 'a terminal session has its name', (await world.daemon.terminals.list()).join(', '))
  exam.expect(existsSync(join(worktree, '.git')), `worktree ${as}`, 'a worktree is there', `nothing at ${worktree}`)
  if (branch !== undefined && existsSync(worktree)) {
    const now = (await world.git(worktree, 'rev-parse', '--abbrev-ref', 'HEAD')).trim()
    exam.expect(now === branch, `branch ${as}`, `the worktree is on ${branch}`, now)
  }
}

/** Every answer that says no, with what makes it. */
const mistakes: Readonly<Record<string, { readonly json?: unknown; readonly raw?: string; readonly codes?: readonly string[] }>> = {
  'no project': { json: { harness: 'codex' }, codes: ['PROJECT_ID_REQUIRED'] },
  'an unknown project': { json: { projectId: 'nobody', harness: 'codex' } },
  'an unknown harness': { json: { projectId: 'ws', harness: 'nobody' } },
  'an unknown kind': { json: { projectId: 'ws', harness: 'codex', kind: 'king' } },
  'a prompt of 4097 bytes': { json: { projectId: 'ws', harness: 'codex', prompt: 'x'.repeat(4097) }, codes: ['PROMPT_TOO_LONG'] },
  'a project that is a number': { json: { projectId: 7 } },
  'no body': { raw: '' }, 'half of JSON': { raw: '{"projectId":' }, 'an array': { json: [] }, 'a text': { json: 'ws' },
  'a branch that is checked out in the repository': { json: { projectId: 'ws', harness: 'codex', branch: 'main' } },
  ...Object.fromEntries(['a..b', '-x', 'with space', 'ends.lock', '.hidden', 'a/.b', '@{', 'a~1', 'a^', 'a:b', 'a?', 'a*', 'a[', 'a\\b', 'a/', '/a', 'a//b', 'a\nb', 'a\u0000b', 'x'.repeat(300)]
    .map((branch) => [`the branch ${JSON.stringify(branch.length > 20 ? `${branch.slice(0, 5)}... (300)` : branch)}`, { json: { projectId: 'ws', harness: 'codex', branch } }])),
}

export const spawnChecks: AoChecks = {
  '3.1 spawn makes a session with worktree, branch, terminal and agent': aoCheck(30, async (exam, world) => {
    await world.project(exam)
    const answer = await exam.ao(['spawn', '--project', 'ws', '--harness', 'codex', '--prompt', 'say hello', '--branch', 'ao/smoke-1'])
    const id = /spawned session (\S+)/.exec(answer.stdout)?.[1]
    if (!exam.expect(answer.exitCode === 0 && id !== undefined, 'spawn', '`ao spawn` prints the session', showCli(answer)) || id === undefined) return
    world.memory.set('first', id)
    await expectLive(exam, world, id, { program: 'codex', branch: 'ao/smoke-1', prompt: 'say hello', as: 'first' })
    exam.expect(existsSync(join(world.daemon.data, 'ao.db')), 'database', 'the database is in AO_DATA_DIR', 'it is not')
    const session = await sessionOf(exam, id)
    exam.expect(session.isTerminated === false && session.harness === 'codex' && session.projectId === 'ws', 'row', 'the session is listed with its project and harness', JSON.stringify(session))
    exam.expect(session.kind === 'worker', 'kind', 'its kind is worker', JSON.stringify(session))
  }),
  '3.1 names and places are those of the text': aoCheck(10, async (exam, world) => {
    const id = world.memory.get('first') ?? await world.session(exam)
    exam.byHand('ls "$AO_DATA_DIR"/worktrees/*', [id])
    exam.expect(id === 'ws-01', 'id-form', 'the session is called ws-01', id, 'unclear')
    exam.expect(existsSync(join(world.daemon.root, 'home/.agent-orchestrator')), 'worktree-place', 'the worktree is under ~/.agent-orchestrator/projects', `it is at ${world.worktree(id)}`, 'unclear')
    const answer = await exam.ao(['session', 'ls', '--json'])
    exam.expect(answer.stdout.includes('"kind"') && answer.stdout.includes('"state"'), 'ls-names', '`session ls --json` has kind and state', `it has role and status: ${showCli(answer)}`, 'unclear')
  }),
  ...Object.fromEntries(Object.entries(harnessPrograms).map(([harness, program]) => [`3.3 harness ${harness}`, aoCheck(20, async (exam: Exam, world: World) => {
    await world.project(exam)
    const answer = await exam.api('POST', '/sessions', [], { json: { projectId: 'ws', harness, prompt: `for ${harness}` }, as: harness })
    const id = idOf(answer)
    if (!exam.expect(answer.status === 201 && id !== undefined, 'spawn', `${harness} can be spawned`, answer.shown) || id === undefined) return
    await expectLive(exam, world, id, { program, prompt: `for ${harness}`, as: harness })
    exam.expect((await sessionOf(exam, id)).harness === harness, 'harness', `session get says ${harness}`, JSON.stringify(await sessionOf(exam, id)))
  })])),
  '3.2 --agent is the same as --harness': aoCheck(20, async (exam, world) => {
    await world.project(exam)
    const answer = await exam.ao(['spawn', '--project', 'ws', '--agent', 'kimi', '--prompt', 'noop'])
    const id = /spawned session (\S+)/.exec(answer.stdout)?.[1]
    exam.expect(answer.exitCode === 0 && id !== undefined && (await sessionOf(exam, id)).harness === 'kimi', 'agent-flag', '--agent kimi gives a session of kimi', showCli(answer))
  }),
  '3.3 the database has the migration for all harnesses': aoCheck(10, (exam, { can }) => {
    exam.expect(can.schema >= 7, 'schema', 'the schema is at version 7 or newer', String(can.schema), 'high', 'sqlite3 "$AO_DATA_DIR/ao.db" "select max(version_id) from goose_db_version"')
    return Promise.resolve()
  }, ({ can }) => can.schema === 0 ? 'its database keeps no migrations' : undefined),
  '3.1 what cannot be spawned is refused, and leaves nothing': aoCheck(90, async (exam, world) => {
    await world.project(exam)
    for (const [as, { codes, ...body }] of Object.entries(mistakes)) await exam.refused('POST', '/sessions', [], { ...body, as: as.startsWith('the branch') ? 'an illegal branch' : as }, codes)
  }),
  '3.1 a branch that another session has': aoCheck(20, async (exam, world) => {
    await world.session(exam, { branch: 'ao/shared', harness: 'kimi' })
    await exam.refused('POST', '/sessions', [], { json: { projectId: 'ws', harness: 'kimi', branch: 'ao/shared' }, as: 'a branch that another session has' })
  }),
  '3.1 a project that was removed': aoCheck(20, async (exam, world) => {
    await world.project(exam, 'gone')
    await exam.api('DELETE', '/projects/{}', ['gone'])
    await exam.refused('POST', '/sessions', [], { json: { projectId: 'gone', harness: 'kimi' }, as: 'a removed project' })
  }),
  '3.1 legal repositories can be worked in': aoCheck(60, async (exam, world) => {
    const origin = 'https://github.com/acme/repo.git'
    for (const [as, id, name, shape] of [
      ['no remote', 'alone', 'alone', {}], ['default branch master', 'master', 'master', { branch: 'master', origin }], ['a detached HEAD', 'detached', 'detached', { origin, detached: true }],
      ['uncommitted changes', 'dirty', 'dirty', { origin, dirty: true }], ['spaces and umlauts in the path', 'odd', 'Füße & "co" $x', { origin }], ['a dot in the id', 'a.b', 'dots', { origin }],
    ] as const) {
      const path = await world.repository(name, shape)
      await exam.one(async () => {
        await exam.api('POST', '/projects', [], { json: { path, projectId: id } })
        const before = await exam.holdings()
        const answer = await exam.api('POST', '/sessions', [], { json: { projectId: id, harness: 'kimi', prompt: 'hello' }, as })
        const session = idOf(answer)
        exam.expect(answer.status === 201, `spawn ${as}`, `a session can be made in a repository with ${as}`, answer.shown)
        if (answer.status !== 201) await exam.nothingNew(before, as, answer.shown)
        else if (session !== undefined) {
          const started = await agentEvent(world.daemon.agentLog, (event) => event.event === 'started' && event.session === session)
          exam.expect(started?.cwd === world.worktree(session, id), `cwd ${as}`, 'its agent works in the worktree', started?.cwd ?? 'no agent was started')
        }
      })
    }
    const path = await world.repository('no-commit', { empty: true })
    await exam.api('POST', '/projects', [], { json: { path, projectId: 'no-commit' } })
    await exam.refused('POST', '/sessions', [], { json: { projectId: 'no-commit', harness: 'kimi' }, as: 'a repository without a commit' })
  }),
  '3.1 the terminal program fails': aoCheck(30, async (exam, world) => {
    await world.project(exam)
    const before = await exam.holdings()
    world.daemon.breakTerminals(true)
    exam.byHand('# put a `zellij` on the PATH of the daemon that answers --version, and nothing else')
    try {
      const answer = await exam.api('POST', '/sessions', [], { json: { projectId: 'ws', harness: 'kimi', prompt: 'x' }, as: 'a broken terminal program', mayFail: true })
      exam.expect(answer.status >= 400, 'terminal-broken-accepted', 'a session without a terminal is not made', answer.shown)
      world.daemon.breakTerminals(false)
      if (answer.status >= 400) await exam.nothingNew(before, 'a broken terminal program', answer.shown)
    } finally {
      world.daemon.breakTerminals(false)
    }
  }, ({ can, zellij }) => can.terminal === 'zellij' && zellij === undefined ? undefined : 'only the stand-in for zellij can be told to fail'),
  '3.1 the program of the agent is not there': aoCheck(20, async (exam, world) => {
    await world.project(exam)
    world.daemon.hideProgram('qwen', true)
    exam.byHand('# on a machine without qwen')
    try {
      await exam.refused('POST', '/sessions', [], { json: { projectId: 'ws', harness: 'qwen', prompt: 'x' }, as: 'an agent that is not installed' })
    } finally {
      world.daemon.hideProgram('qwen', false)
    }
  }),
  '3.1 four spawns at once': aoCheck(40, async (exam, world) => {
    await world.project(exam)
    const json = { projectId: 'ws', harness: 'kimi', prompt: 'at once' }
    exam.byHand(`for i in 1 2 3 4; do ${exam.curl('POST', '/sessions', [], { json })} & done; wait`, ['ws'])
    const answers = await Promise.all([1, 2, 3, 4].map(() => exam.api('POST', '/sessions', [], { json, as: 'four at once', untold: true })))
    const ids = answers.map(idOf).filter((id) => id !== undefined)
    exam.expect(ids.length > 0, 'at-once-none', 'of four spawns at once at least one succeeds', answers.map(({ shown }) => shown).join('; '))
    exam.expect(answers.every(({ status }) => status === 201), 'at-once', 'four spawns at once all succeed', answers.map(({ shown }) => shown).join('; '))
    exam.expect(new Set(ids).size === ids.length, 'same-id', 'each has an id of its own', ids.join(', '))
  }),
  '3.4 ls': aoCheck(20, async (exam, world) => {
    const id = await world.worker(exam)
    const answer = await exam.ao(['session', 'ls', '--json', '-p', 'ws'])
    exam.expect(answer.exitCode === 0 && answer.stdout.includes(`"${id}"`), 'ls', 'the session is listed', showCli(answer))
    const there = await world.session(exam, { project: 'other', harness: 'kimi' })
    const other = await exam.ao(['session', 'ls', '--json', '-p', 'other'])
    exam.expect(other.stdout.includes(`"${there}"`) && !other.stdout.includes(`"${id}"`), 'ls-project', 'of another project its own are listed alone', showCli(other))
    for (const [query, has] of [['project=other', [there]], ['project=ws', [id]], ['active=true', [id, there]], ['active=false', []], ['orchestratorOnly=true', []]] as const) {
      const { shown, status, body } = await exam.api('GET', '/sessions', [], { query, as: query })
      const ids = Array.isArray(body.sessions) ? (body.sessions as { id: string }[]).map((one) => one.id) : []
      exam.expect(status === 200 && [id, there].every((one) => ids.includes(one) === (has as readonly string[]).includes(one)), `ls-query ${query}`, `GET /sessions?${query} lists those that it means`, shown)
    }
    await exam.refused('GET', '/sessions', [], { query: 'active=maybe', as: 'active=maybe' }, ['INVALID_QUERY'])
  }),
  '3.5 get tells a session as it is': aoCheck(20, async (exam, world) => {
    const id = await world.worker(exam)
    const session = await sessionOf(exam, id)
    const answer = await exam.ao(['session', 'get', id, '-p', 'ws', '--json'])
    const parsed = jsonOf(answer)
    const told = isRecord(parsed.session) ? parsed.session : {}
    exam.expect(['id', 'projectId', 'kind', 'harness', 'isTerminated'].every((key) => told[key] !== undefined && told[key] === session[key]), 'get', '`ao session get --json` has what the API has', `${showCli(answer)}; the API: ${JSON.stringify(session)}`)
    exam.expect(typeof activityOf(told) === 'string' && typeof told.status === 'string', 'get-activity', 'it has activity and status', showCli(answer))
    const text = await exam.ao(['session', 'get', id])
    exam.expect(text.exitCode === 0 && text.stdout.includes(id), 'get-text', 'the text names the session', showCli(text))
  }),
  '3.5 get of what is not there': aoCheck(20, async (exam, world) => {
    const id = await world.worker(exam)
    await exam.refused('GET', '/sessions/{}', ['nobody-1'], { as: 'an unknown session' }, ['SESSION_NOT_FOUND'])
    const cli = await exam.ao(['session', 'get', 'nobody-1'])
    exam.expect(cli.exitCode === 1 && cli.stderr.includes('SESSION_NOT_FOUND'), 'get-unknown', 'exit 1 and the code', showCli(cli))
    const wrong = await exam.ao(['session', 'get', id, '-p', 'nobody'])
    exam.expect(wrong.exitCode !== 0, 'get-project', 'a session is not found in another project', showCli(wrong))
  }),
  '3.6 rename': aoCheck(20, async (exam, world) => {
    const id = await world.worker(exam)
    const answer = await exam.ao(['session', 'rename', id, 'A better näme'])
    exam.expect(answer.exitCode === 0 && (await sessionOf(exam, id)).displayName === 'A better näme', 'rename', 'session get shows the new name', showCli(answer))
    for (const [as, json] of Object.entries({ 'a blank name': { displayName: '  ' }, 'no name': {}, 'a number': { displayName: 7 } })) await exam.refused('PATCH', '/sessions/{}', [id], { json, as })
    await exam.refused('PATCH', '/sessions/{}', ['nobody-1'], { json: { displayName: 'x' }, as: 'an unknown session' }, ['SESSION_NOT_FOUND'])
    exam.expect((await sessionOf(exam, id)).displayName === 'A better näme', 'rename-kept', 'what is refused changes nothing', JSON.stringify(await sessionOf(exam, id)))
  }),
  ...Object.fromEntries((['claude-code', 'kimi'] as const).map((harness) => [`3.7 kill ends a session of ${harness}`, aoCheck(30, async (exam: Exam, world: World) => {
    const id = await world.session(exam, { harness })
    const started = await agentEvent(world.daemon.agentLog, (event) => event.event === 'started' && event.session === id)
    const agent = started && identify(started.pid)
    if (!agent) throw fail('check-failed', `the agent of session ${id} did not start within 15 s, or ended at once`)
    const answer = await exam.ao(['session', 'kill', id])
    exam.expect(answer.exitCode === 0, 'kill', 'kill succeeds', showCli(answer))
    const session = await sessionOf(exam, id)
    exam.expect(session.isTerminated === true && activityOf(session) === 'exited', 'terminated', 'the session is terminated', JSON.stringify(session))
    exam.expect(!(await world.daemon.terminals.list()).includes(id), 'terminal-left', 'its terminal session has been destroyed', (await world.daemon.terminals.list()).join(', '))
    exam.expect(existsSync(world.worktree(id)), 'worktree-gone', 'the worktree is preserved (cleanup is a separate step)', `${world.worktree(id)} is gone`, 'high', 'ls "$AO_DATA_DIR"/worktrees/ws')
    const plain = await exam.ao(['session', 'ls', '--json'])
    const all = await exam.ao(['session', 'ls', '--json', '--include-terminated'])
    exam.expect(!plain.stdout.includes(`"${id}"`) && all.stdout.includes(`"${id}"`), 'ls-terminated', 'ls shows it only with --include-terminated', `${showCli(plain)}; ${showCli(all)}`)
    exam.expect(await comes(() => !isAlive(agent), 12_000), 'agent-left', 'its agent has ended', `process ${agent.pid} lives 12 s after it`)
    const again = await exam.api('POST', '/sessions/{}/kill', [id], { as: 'a second time' })
    exam.expect(again.status < 500, 'kill-again', 'to kill it again is no server error', again.shown)
    world.memory.set(`killed-${harness}`, id)
  })])),
  '3.7 kill of what is not there': aoCheck(10, async (exam) => {
    await exam.refused('POST', '/sessions/{}/kill', ['nobody-1'], { as: 'an unknown session' }, ['SESSION_NOT_FOUND'], 'low')
  }),
  ...Object.fromEntries((['claude-code', 'kimi'] as const).map((harness) => [`3.8 restore of a session of ${harness}`, aoCheck(30, async (exam: Exam, world: World) => {
    const id = world.memory.get(`killed-${harness}`) ?? await world.session(exam, { harness })
    if (!world.memory.has(`killed-${harness}`)) await exam.api('POST', '/sessions/{}/kill', [id], { mayFail: true })
    const launches = agentEvents(world.daemon.agentLog).filter((event) => event.event === 'started' && event.session === id).length
    const answer = await exam.ao(['session', 'restore', id])
    exam.expect(answer.exitCode === 0, 'restore', 'restore succeeds', showCli(answer))
    const session = await sessionOf(exam, id)
    exam.expect(session.isTerminated === false, 'restored-row', 'session get shows it active again', JSON.stringify(session))
    const started = await waitFor(() => agentEvents(world.daemon.agentLog).filter((event) => event.event === 'started' && event.session === id).length > launches ? true : undefined, { deadlineMs: 15_000, otherwise: () => new Error('none') }).catch(() => false)
    exam.expect(started, 'restored-agent', 'its agent is started again', `${launches} launches before and after`)
    await exam.refused('POST', '/sessions/{}/restore', [id], { as: 'a session that lives' }, ['SESSION_NOT_RESTORABLE'])
  })])),
  '3.8 three restores at once': aoCheck(60, async (exam, world) => {
    const id = await world.session(exam, { harness: 'kimi' })
    await exam.api('POST', '/sessions/{}/kill', [id], { mayFail: true })
    const launches = agentEvents(world.daemon.agentLog).filter((event) => event.event === 'started' && event.session === id).length
    exam.byHand(`for i in 1 2 3; do ${exam.curl('POST', '/sessions/{}/restore', [id])} & done; wait`, [id])
    const answers = await Promise.all([1, 2, 3].map(() => exam.api('POST', '/sessions/{}/restore', [id], { as: 'three at once', mayFail: true, untold: true })))
    exam.expect(answers.filter(({ status }) => status === 200).length === 1 && answers.every(({ status }) => status === 200 || status === 409), 'restore-at-once', 'of three restores at once one restores, and the others are told that it lives', answers.map(({ shown }) => shown).join('; '))
    await agentEvent(world.daemon.agentLog, () => agentEvents(world.daemon.agentLog).filter((event) => event.event === 'started' && event.session === id).length > launches)
    exam.expect((await sessionOf(exam, id)).isTerminated === false && (await world.daemon.terminals.list()).includes(id), 'restored-at-once', 'and the session lives', JSON.stringify(await sessionOf(exam, id)))
  }),
  '3.8 restore of what is not there': aoCheck(10, async (exam) => {
    await exam.refused('POST', '/sessions/{}/restore', ['nobody-1'], { as: 'an unknown session' }, ['SESSION_NOT_FOUND'])
  }),
  '3.9 cleanup prunes the worktrees of ended sessions': aoCheck(60, async (exam, world) => {
    const { path } = await world.project(exam)
    const ids = [await world.session(exam, { harness: 'claude-code' }), await world.session(exam, { harness: 'kimi' })]
    const alive = await world.session(exam, { harness: 'kimi' })
    for (const id of ids) await exam.api('POST', '/sessions/{}/kill', [id], { mayFail: true })
    const answer = await exam.ao(['session', 'cleanup', '--yes'])
    exam.expect(answer.exitCode === 0, 'cleanup', 'cleanup succeeds', showCli(answer))
    const worktrees = await world.git(path, 'worktree', 'list')
    for (const [index, id] of ids.entries()) exam.expect(!worktrees.includes(world.worktree(id)), `cleanup-left ${index === 0 ? 'claude-code' : 'kimi'}`, '`git worktree list` has it no more', `${world.worktree(id)} is listed; cleanup said: ${showCli(answer)}`, 'high', 'git -C ws worktree list')
    exam.expect(worktrees.includes(world.worktree(alive)), 'cleanup-live', 'a session that lives keeps its worktree', worktrees)
    const again = await exam.ao(['session', 'cleanup', '--yes'])
    exam.expect(again.exitCode === 0 && !again.stdout.includes(`:${ids[1] ?? ''}`), 'cleanup-again', 'what was cleaned is not cleaned again', showCli(again), 'low')
  }),
  '3.9 uncommitted work outlives kill, cleanup and a restart': aoCheck(120, async (exam, world) => {
    const work = { 'README.md': 'changed', 'new.txt': 'new', '.env': 'ignored', '.gitignore': '.env' }
    const ids = { 'kill and cleanup': await world.session(exam, { harness: 'kimi' }), 'a restart of the daemon': await world.session(exam, { harness: 'kimi' }) }
    for (const id of Object.values(ids)) {
      for (const [file, text] of Object.entries(work)) writeFileSync(join(world.worktree(id), file), `${text}\n`)
      exam.byHand(`cd "$AO_DATA_DIR/worktrees/ws/${variableOf(id)}" && echo changed > README.md && echo new > new.txt && echo .env > .gitignore && echo ignored > .env; cd -`, [id])
    }
    const lost = (id: string): string[] => Object.entries(work).filter(([file, text]) => !existsSync(join(world.worktree(id), file)) || readFileSync(join(world.worktree(id), file), 'utf8') !== `${text}\n`).map(([file]) => file)
    const id = ids['kill and cleanup']
    await exam.api('POST', '/sessions/{}/kill', [id], { mayFail: true })
    await exam.ao(['session', 'cleanup', '--yes'])
    exam.expect(lost(id).length === 0, 'work-lost', 'cleanup leaves a worktree with uncommitted changes alone', `${lost(id).join(', ')} of ${id} is not there as it was`, 'high', `ls -A "$AO_DATA_DIR"/worktrees/ws/*`)
    await world.daemon.stop()
    await world.daemon.start()
    exam.byHand('ao stop; ao start')
    const other = ids['a restart of the daemon']
    // Some versions end all sessions at the stop, and make them again one after another.
    await comes(async () => (await sessionOf(exam, other)).isTerminated === false && (await world.daemon.terminals.list()).includes(other) && lost(other).length === 0, 20_000)
    exam.expect(lost(other).length === 0, 'work-lost-by-restart', 'a restart of the daemon keeps what is in the worktrees of sessions that live', `${lost(other).join(', ')} of ${other} is not there as it was`, 'high', `ls -A "$AO_DATA_DIR"/worktrees/ws/*`)
  }),
  '3.2 AO_AGENT is the default agent': aoCheck(60, async (exam, world) => {
    await world.project(exam)
    await world.daemon.stop()
    await world.daemon.start({ AO_AGENT: 'opencode' })
    exam.byHand('ao stop; AO_AGENT=opencode ao start')
    const answer = await exam.api('POST', '/sessions', [], { json: { projectId: 'ws', prompt: 'by default' }, as: 'without a harness' })
    const id = idOf(answer)
    const none = answer.status === 400 && /AGENT|HARNESS/.test(String(answer.body.code))
    if (none) exam.finding('agent-required', 'without --harness the daemon\'s AO_AGENT is taken', answer.shown, 'unclear')
    else if (exam.expect(answer.status === 201 && id !== undefined, 'default-spawn', 'a spawn without a harness takes AO_AGENT', answer.shown) && id !== undefined) {
      const started = await agentEvent(world.daemon.agentLog, (event) => event.event === 'started' && event.session === id)
      exam.expect(started?.agent === 'opencode', 'default-program', 'opencode is started', started?.agent ?? 'nothing')
      exam.expect((await sessionOf(exam, id)).harness === 'opencode', 'default-harness', 'the session reports harness=opencode', JSON.stringify(await sessionOf(exam, id)))
    }
  }),
  '3 sessions are there after a restart of the daemon': aoCheck(90, async (exam, world) => {
    const id = await world.session(exam, { harness: 'kimi' })
    const before = (await listed(exam)).map((one) => one.id)
    await world.daemon.stop()
    await world.daemon.start()
    const after = (await listed(exam)).map((one) => one.id)
    exam.expect(JSON.stringify(after.toSorted()) === JSON.stringify(before.toSorted()), 'rows-lost', 'sessions outlive a restart', `before ${before.join(', ')}; after ${after.join(', ')}`)
    // Some versions end all sessions at the stop, and make them again one after another.
    const lives = await waitFor(async () => (await world.daemon.terminals.list()).includes(id) && (await sessionOf(exam, id)).isTerminated === false ? true : undefined, { deadlineMs: 30_000, everyMs: 300, otherwise: () => new Error('no') }).catch(() => false)
    exam.expect(lives, 'terminal-lost', 'a live session has its terminal after the restart, or a new one', JSON.stringify(await sessionOf(exam, id)))
  }),
}
