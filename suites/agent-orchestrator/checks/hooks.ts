import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../../../helpers/wait-for.ts'
import { agentEvent, agentEvents } from '../agents.ts'
import { inTerminals, variableOf } from '../by-hand.ts'
import { showCli, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import { activityOf, sessionOf, type World } from '../world.ts'

const running = async (exam: Exam, world: World, harness: string): Promise<string> => {
  const known = world.memory.get(harness)
  if (known !== undefined) return known
  const id = await world.session(exam, { harness })
  await agentEvent(world.daemon.agentLog, ({ event, session }) => event === 'started' && session === id, 10_000)
  world.memory.set(harness, id)
  return id
}
const reaches = async (exam: Exam, id: string, state: string): Promise<string> => {
  let seen = ''
  await waitFor(async () => {
    seen = String(activityOf(await sessionOf(exam, id)))
    return seen === state ? true : undefined
  }, { deadlineMs: 15_000, everyMs: 100, otherwise: () => new Error('not') }).catch(() => undefined)
  return seen
}

const hookFiles = { 'claude-code': '.claude/settings.local.json', codex: '.codex/hooks.json', cursor: '.cursor/hooks.json' } as const

export const hookChecks: AoChecks = {
  ...Object.fromEntries(Object.entries(hookFiles).map(([harness, file]) => [`7.1 hooks of ${harness} are in the worktree`, aoCheck(20, async (exam: Exam, world: World) => {
    const id = await running(exam, world, harness)
    const path = join(world.worktree(id), file)
    const started = await agentEvent(world.daemon.agentLog, ({ event, session }) => event === 'started' && session === id)
    exam.byHand(`git -C "$AO_DATA_DIR/worktrees/ws/${variableOf(id)}" status --porcelain`, [id])
    const inFlags = JSON.stringify(started?.argv ?? []).includes('ao hooks')
    if (!existsSync(path)) {
      exam.expect(inFlags, 'hook-file', `${file} is in the worktree, or the agent is started with its hooks`, `neither; argv ${JSON.stringify(started?.argv)}`)
      if (inFlags) exam.finding('hook-place', `${file} is in the worktree`, `the hooks of ${harness} are in the arguments of the agent: ${JSON.stringify(started?.argv).slice(0, 300)}`, 'unclear', "ps xww | grep -o 'ao hooks [^\"]*'")
      return
    }
    const text = readFileSync(path, 'utf8')
    exam.expect(/ao["']? hooks /.test(text), 'hook-command', 'its entries call `ao hooks`', text.slice(0, 300))
    if (harness === 'claude-code') exam.expect(text.includes('ao hooks claudecode'), 'hook-token', 'entries point at `ao hooks claudecode <event>`', `they point at ${/ao hooks [^"]+/.exec(text)?.[0] ?? 'something else'}`, 'unclear', `grep -o 'ao hooks [^"]*' "$AO_DATA_DIR/worktrees/ws/${variableOf(id)}/${file}"`)
    const dirty = await world.git(world.worktree(id), 'status', '--porcelain')
    exam.expect(dirty.trim() === '', 'worktree-dirty', "AO's own files do not make the worktree dirty", dirty.trim(), 'low')
  })])),
  ...Object.fromEntries(['opencode', 'grok'].map((harness) => [`7.1 ${harness} has no hooks of its own`, aoCheck(20, async (exam: Exam, world: World) => {
    const id = await running(exam, world, harness)
    const files = (await world.git(world.worktree(id), 'status', '--porcelain', '--ignored', '--untracked-files=all')).trim()
    exam.byHand(`git -C "$AO_DATA_DIR/worktrees/ws/${variableOf(id)}" status --porcelain --ignored --untracked-files=all`, [id])
    exam.expect(files === '', 'hook-config', `${harness} has no native hook config`, `in its worktree: ${files}`, 'unclear')
  })])),
  ...Object.fromEntries(([['UserPromptSubmit', '{}', 'active'], ['Notification', '{"notification_type":"permission_prompt","message":"Claude needs your permission"}', 'waiting_input'], ['Stop', '{}', 'idle']] as const)
    .map(([event, payload, state]) => [`7.2 the agent's own hook ${event} makes it ${state}`, aoCheck(30, async (exam: Exam, world: World) => {
      const id = await running(exam, world, 'claude-code')
      const count = agentEvents(world.daemon.agentLog).filter((one) => one.event === 'hook').length
      await exam.api('POST', '/sessions/{}/send', [id], { json: { message: `!hook ${event} ${payload}` } })
      const ran = await waitFor(() => agentEvents(world.daemon.agentLog).filter((one) => one.event === 'hook').at(count), { deadlineMs: 8000, otherwise: () => new Error('none') }).catch(() => undefined)
      if (!exam.expect(ran !== undefined, 'no-hook', `a hook is configured for ${event}`, 'none ran')) return
      exam.expect(ran?.status === 0, 'hook-exit', 'the hook exits with 0', JSON.stringify(ran))
      const seen = await reaches(exam, id, state)
      exam.expect(seen === state, 'state', `the activity is ${state}`, `${seen}; the hook: ${JSON.stringify(ran)}`)
    })])),
  ...Object.fromEntries(([['user-prompt-submit', 'active'], ['stop', 'idle']] as const).map(([event, state]) => [`7.2 ao hooks claude-code ${event}`, aoCheck(20, async (exam: Exam, world: World) => {
    const id = await running(exam, world, 'kimi')
    const answer = await exam.ao(['hooks', 'claude-code', event], { env: { AO_SESSION_ID: id }, input: '{}' })
    const seen = await reaches(exam, id, state)
    exam.expect(answer.exitCode === 0 && seen === state, 'hook', `exit 0, and the activity is ${state}`, `${showCli(answer)}; activity ${seen}`)
  })])),
  '7.2 a hook never disturbs the agent': aoCheck(30, async (exam) => {
    for (const [as, args, env] of [
      ['without AO_SESSION_ID', ['claude-code', 'stop'], {}], ['an unknown session', ['claude-code', 'stop'], { AO_SESSION_ID: 'nobody-1' }], ['an unknown agent', ['nobody', 'stop'], { AO_SESSION_ID: 'nobody-1' }],
      ['an unknown event', ['claude-code', 'nonsense'], { AO_SESSION_ID: 'nobody-1' }], ['no daemon', ['claude-code', 'stop'], { AO_SESSION_ID: 'nobody-1', AO_RUN_FILE: '/nonexistent/running.json' }], ['a payload that is no JSON', ['claude-code', 'notification'], { AO_SESSION_ID: 'nobody-1' }],
    ] as const) {
      await exam.one(async () => {
        const answer = await exam.ao(['hooks', ...args], { env, input: as.startsWith('a payload') ? 'no json' : '{}' })
        exam.expect(answer.exitCode === 0 && answer.stdout === '', `hook ${as}`, `${as}: exit 0 and nothing on stdout`, showCli(answer))
      })
    }
  }),
  ...Object.fromEntries(['active', 'idle', 'waiting_input'].map((state) => [`7.2 POST activity ${state}`, aoCheck(15, async (exam: Exam, world: World) => {
    const id = await running(exam, world, 'kimi')
    const answer = await exam.api('POST', '/sessions/{}/activity', [id], { json: { state } })
    exam.expect(answer.status === 200 && activityOf(await sessionOf(exam, id)) === state, 'activity', `the activity is ${state}`, answer.shown)
  })])),
  '7.2 activity that is refused': aoCheck(20, async (exam, world) => {
    const id = await running(exam, world, 'kimi')
    const before = activityOf(await sessionOf(exam, id))
    for (const [as, options] of Object.entries({ 'an unknown state': { json: { state: 'happy' } }, 'no state': { json: {} }, 'a number': { json: { state: 7 } }, 'no body': { raw: '' }, 'half of JSON': { raw: '{' } })) await exam.refused('POST', '/sessions/{}/activity', [id], { ...options, as })
    await exam.refused('POST', '/sessions/{}/activity', ['nobody-1'], { json: { state: 'active' }, as: 'an unknown session' }, ['SESSION_NOT_FOUND'])
    exam.expect(activityOf(await sessionOf(exam, id)) === before, 'changed', 'what is refused changes nothing', String(activityOf(await sessionOf(exam, id))))
  }),
  '7.2 exited ends the session, and nothing wakes it': aoCheck(30, async (exam, world) => {
    const id = await world.session(exam, { harness: 'kimi' })
    await exam.api('POST', '/sessions/{}/activity', [id], { json: { state: 'exited' } })
    exam.expect((await sessionOf(exam, id)).isTerminated === true, 'exited', 'a session whose agent has exited is terminated', JSON.stringify(await sessionOf(exam, id)))
    const ended = await waitFor(async () => (await world.daemon.terminals.list()).includes(id) ? undefined : true, { deadlineMs: 7000, everyMs: 200, otherwise: () => new Error('it lives') }).catch(() => false)
    exam.expect(ended, 'exited-terminal', 'and its terminal session goes', 'it is there 7 s later', 'low', `sleep 7; ${inTerminals(world.can.terminal, 'list-sessions')}`)
    await exam.api('POST', '/sessions/{}/activity', [id], { json: { state: 'active' }, as: 'after exited' })
    const after = await sessionOf(exam, id)
    exam.expect(after.isTerminated === true && activityOf(after) === 'exited', 'woken', 'a late signal does not bring a terminated session back', JSON.stringify(after))
  }),
}
