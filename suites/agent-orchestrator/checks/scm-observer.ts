import { describeRequest, tokenHash, type Check, type Failure, type PullFacts } from '../github/client.ts'
import { gitHubChecks, type LaneGitHub } from '../github/lane.ts'
import { fail } from '../../../harness/verdict.ts'
import { comes, eventsOf, heard, pullsOf, timesHeard, type AoPull } from '../github/seen-by-ao.ts'
import { isRecord, type Exam } from '../exam.ts'
import type { AoChecks } from '../lanes/checks-lane.ts'
import { sessionOf, type World } from '../world.ts'

/** How long the observer may take to look again, by its own documentation 30 s, and to tell what it saw. Milliseconds. */
const tick = 40_000
/** How long it may take to tell what it has just been answered. Milliseconds. */
const soon = 12_000
/** How long is waited for what is not to happen. Milliseconds. */
const never = 2500

const repo = 'acme/ws'
const log = ['first line of the job', ...Array.from({ length: 200 }, (_, line) => `step ${line + 1} is fine`), 'FAIL suites/login.test.ts > logs in', '\u001b[31mexpected 200, got 500\u001b[0m', 'the last line of the job'].join('\n')
const build = (state: Check['state'], text = log): Check => ({ name: 'build', state, log: text })
const ciNudge = /\bCI\b.*fail/i

/** Pull requests in one repository, each on the branch of a session of its own, and what AO is to tell of it. */
const cast: Readonly<Record<string, { readonly number: number; readonly facts: Partial<PullFacts>; readonly tells: Partial<AoPull> }>> = {
  red: { number: 7, facts: { checks: [build('red')] }, tells: { state: 'open', ci: 'failing' } },
  'red without a log': { number: 8, facts: { checks: [{ name: 'build', state: 'red' }] }, tells: { state: 'open', ci: 'failing' } },
  green: { number: 9, facts: { checks: [build('green')] }, tells: { state: 'open', ci: 'passing', mergeability: 'mergeable' } },
  pending: { number: 10, facts: { checks: [build('pending')] }, tells: { state: 'open', ci: 'pending' } },
  conflicting: { number: 11, facts: { mergeable: 'CONFLICTING', checks: [build('green')] }, tells: { state: 'open', mergeability: 'conflicting' } },
  draft: { number: 12, facts: { draft: true, checks: [build('green')] }, tells: { state: 'draft' } },
  reviewed: { number: 13, facts: { reviewDecision: 'CHANGES_REQUESTED', checks: [build('green')] }, tells: { state: 'open', review: 'changes_requested', unresolved: true } },
}
const branchOf = (name: string): string => `feat/${name.replaceAll(/[ /]/g, '-')}`
/** A repository for each way of failing, with an open pull request that AO knows. */
const flaky: Readonly<Record<string, Failure>> = {
  'acme/f-502': { route: '*', kind: 'server-error', status: 502 }, 'acme/f-limit': { route: '*', kind: 'rate-limited' }, 'acme/f-abuse': { route: '*', kind: 'secondary-rate-limit' },
  'acme/f-cut': { route: '*', kind: 'cut' }, 'acme/f-sso': { route: '*', kind: 'forbidden', message: 'Resource protected by organization SAML enforcement.' },
}
const projectOf = (of: string): string => of.replace('acme/', '')
const remember = (world: World, name: string): string => needs(world, `session ${name}`)

async function spawnOn(exam: Exam, world: World, name: string, project = 'ws'): Promise<void> {
  world.memory.set(`session ${name}`, await world.session(exam, { project, harness: 'kimi', branch: branchOf(name) }))
}

const onlyPull = async (exam: Exam, session: string): Promise<AoPull | undefined> => (await pullsOf(exam, session))[0]
const shown = (pull: AoPull | undefined): string => pull === undefined ? 'no pull request' : JSON.stringify(pull)
const fits = (pull: AoPull | undefined, want: Partial<AoPull>): boolean => pull !== undefined && Object.entries(want).every(([key, value]) => pull[key as keyof AoPull] === value)

/** Waits until a session's pull request is told as `want` says, and finds it wanting otherwise. */
async function expectPull(exam: Exam, world: World, name: string, id: string, promised: string, want: Partial<AoPull>, deadlineMs = soon, severity?: 'high' | 'low'): Promise<boolean> {
  let last: AoPull | undefined
  const came = await comes(async () => fits(last = await onlyPull(exam, remember(world, name)), want), deadlineMs)
  return exam.expect(came, id, promised, () => `session ${remember(world, name)} on ${branchOf(name)}: wanted ${JSON.stringify(want)}, AO tells ${shown(last)}`, severity)
}

/** What GitHub was asked since a mark, the newest last. */
const asked = async ({ github }: LaneGitHub, mark: number): Promise<string> => (await github.log(mark)).requests.map(describeRequest).slice(-12).join('; ') || 'nothing'

/**
 * Makes the daemon look at what it knows, and waits until it has. One that keeps its sessions over a restart looks at once
 * when it is started; one that ends and restores them looks at its next tick, with or without a restart.
 * @returns the mark before
 */
async function look(exam: Exam, world: World, lane: LaneGitHub): Promise<number> {
  const mark = world.can.terminal === 'tmux' ? await lane.github.mark() : await lane.restart(exam)
  return looked(lane, mark)
}

async function looked(lane: LaneGitHub, mark: number): Promise<number> {
  await comes(async () => (await lane.github.log(mark)).requests.some(({ route, status }) => route === 'graphql:pull-requests' && status !== undefined), tick)
  return mark
}

/** @throws VerdictError when an earlier check did not come as far as this one needs */
function needs(world: World, what: string): string {
  const value = world.memory.get(what)
  if (value === undefined) throw fail('check-failed', `this check needs what an earlier one did not come to: ${what}`)
  return value
}

/** What the daemon wrote into its log from `offset` on, as far as it tells of trouble. */
const complaints = (exam: Exam, offset: number): string[] => exam.daemon.logText().slice(offset).split('\n').filter((line) => /level=(?:WARN|ERROR)/.test(line) && /scm|github/i.test(line))

/** Gives a local project an origin, as the runbook does, and spawns a worker in it. */
async function addOrigin(exam: Exam, world: World, { github }: LaneGitHub): Promise<void> {
  await github.setRepository('acme/later')
  const { path } = await world.project(exam, 'later', {})
  await world.git(path, 'remote', 'add', 'origin', 'https://github.com/acme/later.git')
  exam.byHand(`git -C ${path} remote add origin https://github.com/acme/later.git`)
  const spawn = { json: { projectId: 'later', harness: 'kimi', prompt: 'do nothing', branch: 'feat/later' } }
  const first = await exam.api('POST', '/sessions', [], { ...spawn, as: 'in a project whose origin was never fetched' })
  if (first.status === 201) return
  world.memory.set('first spawn later', first.shown)
  await world.git(path, 'update-ref', 'refs/remotes/origin/main', 'HEAD')
  await exam.api('POST', '/sessions', [], { ...spawn, as: 'with refs/remotes/origin/main' })
}

export const scmObserverChecks: AoChecks = gitHubChecks({
  '6.1 a daemon with a token asks GitHub for a project with an origin': [120, async (exam, world, lane) => {
    const { github, token } = lane
    // Only this one is good: a wrong one would be told.
    await github.setToken(token)
    await github.setRepository(repo)
    await lane.start(exam, { GITHUB_TOKEN: 'ghp_second_choice' })
    await world.project(exam)
    const { body } = await exam.api('GET', '/projects/{}', ['ws'])
    exam.expect(isRecord(body.project) && body.project.repo === `https://github.com/${repo}.git`, 'origin', 'the record has the URL of origin', JSON.stringify(body))
    const doctor = await exam.ao(['doctor', '--json'], { env: lane.env })
    exam.expect(/"level":\s*"PASS",[^}]*"github-token"|"github-token"[^}]*"level":\s*"PASS"/.test(doctor.stdout), 'doctor-token', 'the doctor passes a token that GitHub takes', doctor.stdout.slice(-400))
    for (const [name, { number, facts }] of Object.entries(cast)) {
      await spawnOn(exam, world, name)
      await github.setPull({ repo, number, head: branchOf(name), ...facts })
    }
    for (const [of, number] of [['acme/quiet', 1], ...Object.keys(flaky).map((name) => [name, 1] as const)] as const) {
      await github.setRepository(of)
      await github.setPull({ repo: of, number, head: branchOf(of), checks: [build('green')] })
      await spawnOn(exam, world, of, projectOf(of))
    }
    // Open before a session is made for it, in a repository where nothing else happens.
    await github.setPull({ repo: 'acme/quiet', number: 2, head: branchOf('opened before'), checks: [build('green')], title: 'older' })
    await github.setPull({ repo: 'acme/quiet', number: 1, title: 'newer' })
    world.memory.set('thread', await github.openThread({ repo, number: 13 }, { path: 'login.ts', line: 4, comments: [{ author: 'ann', body: 'please rename this variable' }] }))
    const mark = world.can.terminal === 'tmux' ? 0 : await lane.restart(exam, { GITHUB_TOKEN: 'ghp_second_choice' })
    const came = await comes(async () => (await github.log(mark)).requests.some(({ route }) => route === 'pulls'), tick)
    exam.expect(came, 'not-asked', 'within one tick GitHub is asked for the pull requests of the project', await asked(lane, mark))
    const other = (await github.log(mark)).requests.filter((request) => request.token !== tokenHash(token) && request.host === 'api.github.com')
    exam.expect(other.length === 0, 'wrong-token', 'AO_GITHUB_TOKEN goes before GITHUB_TOKEN', other.map(describeRequest).join('; '))
  }],
  '6.2 an open pull request on a session\'s branch is found, and told as it is': [60, async (exam, world) => {
    for (const [name, { number, tells }] of Object.entries(cast)) {
      await expectPull(exam, world, name, `not-found ${name}`, `the pull request of the session's branch is discovered (${name})`, { number }, name === 'red' ? tick : soon)
      await expectPull(exam, world, name, `facts ${name}`, `its state, checks, review and mergeability are told (${name})`, tells)
    }
    const url = `https://github.com/${repo}/pull/7`
    const event = (type: string, has: Readonly<Record<string, unknown>>) => comes(async () => (await eventsOf(exam.daemon)).some((each) => each.type === type && Object.entries(has).every(([key, value]) => each.payload[key] === value)), soon)
    exam.expect(await event('pr_created', { url, session: remember(world, 'red') }), 'event pr_created', 'the event pr_created is emitted', 'it did not come')
    exam.expect(await event('pr_check_recorded', { pr: url, name: 'build' }), 'event pr_check_recorded', 'the event pr_check_recorded is emitted', 'it did not come')
    const { status } = await sessionOf(exam, remember(world, 'red'))
    exam.expect(status === 'ci_failed', 'status', 'the session whose pull request fails says so', `status ${String(status)}`, 'low')
  }],
  '6.2 a red pull request is told to the agent once': [40, async (exam, world) => {
    const { daemon } = exam
    for (const name of ['red', 'red without a log']) {
      const session = remember(world, name)
      exam.expect(await comes(() => timesHeard(daemon, session, ciNudge) > 0, soon), `not-told ${name}`, `a failing check sends one message to the agent (${name})`, heard(daemon, session) || 'the agent heard nothing')
    }
    const session = remember(world, 'red')
    exam.expect(await comes(() => heard(daemon, session).includes('the last line of the job'), soon), 'no-log', 'the message has the end of the log', heard(daemon, session), 'low')
    exam.expect(!heard(daemon, session).includes('first line of the job'), 'whole-log', 'a long log is cut to its end', `${heard(daemon, session).length} characters`, 'low')
    exam.expect(!heard(daemon, session).includes('\u001b'), 'control-characters', 'control characters of a log are taken out before they reach the terminal, as those of a message are', JSON.stringify(heard(daemon, session).slice(-200)), 'low')
    for (const name of ['green', 'pending', 'draft']) exam.expect(timesHeard(daemon, remember(world, name), ciNudge) === 0, `told ${name}`, `an agent whose checks do not fail is left alone (${name})`, heard(daemon, remember(world, name)))
    const more = await comes(() => timesHeard(daemon, session, ciNudge) > 1, never)
    exam.expect(!more, 'told-twice', 'one failure is told once', heard(daemon, session))
  }],
  '6.4 after a restart the same failure is not told again': [90, async (exam, world, lane) => {
    const { daemon } = exam
    const session = remember(world, 'red')
    const before = timesHeard(daemon, session, ciNudge)
    await lane.github.setToken('gho_of_gh')
    lane.gh.set({ state: 'token', token: 'gho_of_gh' })
    const mark = await looked(lane, await lane.restart(exam, { AO_GITHUB_TOKEN: '', GITHUB_TOKEN: '' }))
    world.memory.set('mark of gh', String(mark))
    exam.expect((await lane.github.log(mark)).requests.some(({ graphql }) => graphql?.pulls.includes(`${repo}#7`) === true), 'not-looked', 'after a restart the daemon looks again', await asked(lane, mark))
    const again = await comes(() => timesHeard(daemon, session, ciNudge) > before, never)
    exam.expect(!again, 'told-again', 'what was told before a restart is not told after it', heard(daemon, session))
  }],
  '6.3 the token of gh is as good as one in the environment': [20, async (exam, world, lane) => {
    const mark = Number(needs(world, 'mark of gh'))
    const { requests } = await lane.github.log(mark)
    exam.expect(requests.some(({ token, status }) => token === tokenHash('gho_of_gh') && status === 200), 'gh-token', 'the token that `gh auth token` prints is used', await asked(lane, mark))
    const strange = lane.gh.calls().filter(({ unknown }) => unknown)
    exam.expect(strange.length === 0, 'gh-called', 'gh is asked for nothing but its token and the URL of a repository', strange.map(({ args }) => `gh ${args.join(' ')}`).join('; '), 'unclear')
  }],
  '6.2 what changes while the daemon runs is told within one tick': [150, async (exam, world, lane) => {
    const { github } = lane
    const session = remember(world, 'red')
    world.memory.set('told before', String(timesHeard(exam.daemon, session, ciNudge)))
    await spawnOn(exam, world, 'opened before', 'quiet')
    await spawnOn(exam, world, 'opened later')
    await addOrigin(exam, world, lane)
    await github.setPull({ repo, number: 20, head: branchOf('opened later'), checks: [build('green')] })
    await github.push({ repo, number: 7 }, [build('red', `${log}\nanother failure`)])
    await github.setPull({ repo, number: 10, checks: [build('green')] })
    await github.setPull({ repo, number: 12, draft: false })
    await github.setPull({ repo, number: 11, state: 'closed' })
    await github.setPull({ repo, number: 9, state: 'merged' })
    await github.resolveThread(needs(world, 'thread'))
    await github.setPull({ repo, number: 13, reviewDecision: 'APPROVED' })
    world.memory.set('changed', 'yes')
    await expectPull(exam, world, 'opened later', 'opened-later', 'a pull request that is opened while the daemon runs is discovered', { number: 20, ci: 'passing' }, tick)
    await expectPull(exam, world, 'pending', 'turned-green', 'checks that end are told', { ci: 'passing' })
    await expectPull(exam, world, 'draft', 'no-draft', 'a draft that is ready is told', { state: 'open' })
    await expectPull(exam, world, 'conflicting', 'closed', 'a closed pull request is told', { state: 'closed' })
    await expectPull(exam, world, 'green', 'merged', 'a merged pull request is told', { state: 'merged' })
    await expectPull(exam, world, 'opened before', 'opened-before', 'the pull request of the branch is discovered also when it was open before the session was spawned', { number: 2 })
    const merged = remember(world, 'green')
    if ((await sessionOf(exam, merged)).isTerminated === true) {
      const gone = await comes(async () => !(await exam.daemon.terminals.list()).includes(merged), never)
      exam.expect(gone, 'merged-lives', 'a session that ended because its pull request was merged leaves no terminal session', `${merged} is terminated, its terminal session lives`, 'unclear')
      if (!gone) await exam.daemon.terminals.kill(merged)
    }
  }],
  '6.4 the failure of a new commit is told': [30, async (exam, world) => {
    needs(world, 'changed')
    const session = remember(world, 'red')
    exam.expect(await comes(() => timesHeard(exam.daemon, session, ciNudge) > Number(needs(world, 'told before')), soon), 'new-not-told', 'a failure of a new commit is told', heard(exam.daemon, session))
  }],
  '6.5 an origin that is added later is written into the project': [30, async (exam, world) => {
    needs(world, 'changed')
    const repository = async (): Promise<unknown> => {
      const { body } = await exam.api('GET', '/projects/{}', ['later'])
      return isRecord(body.project) ? body.project.repo : undefined
    }
    const first = world.memory.get('first spawn later')
    if (first !== undefined) exam.finding('spawn', 'a worker can be spawned in a local project to which an origin was added', first)
    const filled = await comes(async () => await repository() === 'https://github.com/acme/later.git', soon)
    exam.expect(filled, 'not-filled', 'the observer reads the origin and writes it into the project', `repo is ${JSON.stringify(await repository())}`)
  }],
  '6.6 an open review thread is told, and that it was resolved': [60, async (exam, world) => {
    const { daemon } = exam
    needs(world, 'changed')
    const session = remember(world, 'reviewed')
    const thread = needs(world, 'thread')
    const of = async (): Promise<string[]> => (await eventsOf(daemon)).filter(({ payload }) => payload.thread === thread).map(({ type, payload }) => `${type} ${JSON.stringify(payload)}`)
    const has = (type: string) => comes(async () => (await of()).some((event) => event.startsWith(`${type} `)), soon)
    exam.expect(await has('pr_review_thread_added'), 'event added', 'the event pr_review_thread_added is emitted', 'it did not come')
    exam.expect(await comes(() => heard(daemon, session).includes('please rename this variable'), soon), 'review-not-told', 'what the reviewer wrote reaches the agent', heard(daemon, session) || 'the agent heard nothing', 'low')
    await expectPull(exam, world, 'reviewed', 'still-unresolved', 'a resolved thread is no open comment', { unresolved: false, review: 'approved' })
    const resolved = await has('pr_review_thread_resolved')
    exam.expect(resolved, 'event resolved', 'the event pr_review_thread_resolved is emitted when a thread is resolved', `events of the thread: ${(await of()).join('; ') || 'none'}`)
  }],
  '6.2 while GitHub fails the daemon keeps what it knows and says why': [90, async (exam, world, lane) => {
    const { github } = lane
    const names = ['red', ...Object.keys(flaky)]
    const known = new Map(await Promise.all(names.map(async (name) => [name, await onlyPull(exam, remember(world, name))] as const)))
    for (const [only, failure] of Object.entries(flaky)) await github.failOn({ ...failure, only: `/repos/${only}/` })
    await github.failOn({ route: 'graphql:pull-requests', kind: 'graphql-error', message: 'Something went wrong while executing your query.' })
    const offset = exam.daemon.logText().length
    const mark = await look(exam, world, lane)
    world.memory.set('failed', 'yes')
    for (const [of, { kind }] of Object.entries(flaky)) {
      const failed = await comes(async () => (await github.log(mark)).requests.some(({ failure, path }) => failure === kind && path.includes(of)), soon)
      exam.expect(failed, `not-asked ${kind}`, `one repository that fails does not keep the others from being asked (${kind})`, await asked(lane, mark))
      exam.expect(await comes(() => complaints(exam, offset).some((line) => line.includes(of)), soon), `not-logged ${kind}`, `the log says which repository GitHub failed for (${kind})`, complaints(exam, offset).slice(-6).join(' | ') || 'nothing', 'low')
    }
    exam.expect(await comes(() => complaints(exam, offset).some((line) => line.includes('Something went wrong')), soon), 'not-logged graphql', 'the log has the error that GitHub gave', complaints(exam, offset).slice(-6).join(' | ') || 'nothing', 'low')
    const health = await exam.api('GET', '//healthz')
    exam.expect(health.status === 200, 'daemon-down', 'the daemon outlives it', health.shown)
    for (const [name, before] of known) {
      const now = await onlyPull(exam, remember(world, name))
      exam.expect(before === undefined || fits(now, { number: before.number, state: before.state, ci: before.ci, review: before.review }), `forgot ${name}`, `what is known of a pull request stays as it was (${name})`, `before ${shown(before)}, now ${shown(now)}`)
    }
  }],
  '6.2 when GitHub is well again what changed is told, and one repository that is gone hides no other': [90, async (exam, world, lane) => {
    const { github } = lane
    needs(world, 'failed')
    await github.heal()
    await github.removeRepository('acme/quiet')
    await github.push({ repo, number: 7 }, [build('green')])
    for (const of of Object.keys(flaky)) await github.push({ repo: of, number: 1 }, [build('pending')])
    await look(exam, world, lane)
    const promised = 'when GitHub is well again, what changed is told; that one repository is gone meanwhile, for the token or for all, hides no other'
    for (const name of ['red', ...Object.keys(flaky)]) {
      // Where one is hidden all are: there is no need to wait for each.
      if (!await expectPull(exam, world, name, 'hidden', `${promised} (${flaky[name]?.kind ?? 'the others'})`, { ci: name === 'red' ? 'passing' : 'pending' })) break
    }
  }],
  '6.3 without a token the observer says so, and does nothing': [150, async (exam, world, lane) => {
    const none = { AO_GITHUB_TOKEN: '', GITHUB_TOKEN: '' }
    // With a token it would be told, if the observer came round just now.
    await exam.daemon.stop()
    const before = timesHeard(exam.daemon, remember(world, 'red'), ciNudge)
    await lane.github.push({ repo, number: 7 }, [build('red', 'a failure that nobody may see')])
    for (const state of ['empty', 'fails', 'absent'] as const) {
      lane.gh.set({ state })
      const offset = exam.daemon.logText().length
      const mark = await lane.restart(exam, none)
      const says = (): boolean => exam.daemon.logText().slice(offset).includes('scm observer disabled: provider credentials unavailable')
      // The first word about it is the last one until the next tick.
      await comes(() => says() || complaints(exam, offset).length > 0, soon)
      exam.expect(says(), `not-said gh ${state}`, `without a token the log says "scm observer disabled: provider credentials unavailable" (gh ${state})`, complaints(exam, offset).join(' | ') || 'the log says nothing of it', 'low')
      const { requests } = await lane.github.log(mark)
      exam.expect(requests.length === 0, `asked gh ${state}`, `without a token GitHub is not asked (gh ${state})`, requests.map(describeRequest).join('; '))
    }
    exam.expect(timesHeard(exam.daemon, remember(world, 'red'), ciNudge) === before, 'nudged', 'without a token nobody is told anything', heard(exam.daemon, remember(world, 'red')))
  }],
  '6 GitHub is asked as it wants to be, and nobody else is': [20, async (exam, _world, lane) => {
    const { requests, refused } = await lane.github.log()
    exam.expect(refused.length === 0, 'egress', 'AO reaches out to no host but GitHub', [...new Set(refused.map(({ target }) => target))].join(', '))
    const wrong = requests.filter((request) => request.complaints.length > 0)
    exam.expect(wrong.length === 0, 'bad-request', 'each request has a token, a User-Agent, and an Accept and version that GitHub knows; the token goes to GitHub alone', wrong.map((request) => `${describeRequest(request)}: ${request.complaints.join(', ')}`).join('; '))
  }],
})
