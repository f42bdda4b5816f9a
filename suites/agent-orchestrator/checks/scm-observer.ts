import { join } from 'node:path'
import { comes } from '../comes.ts'
import { describeRequest, tokenHash, type GitHubRequest, type PullFacts } from '../github/client.ts'
import { gitHubChecks, type LaneGitHub } from '../github/lane.ts'
import { eventsOf, heard, timesHeard, type AoPull } from '../github/seen-by-ao.ts'
import { inTerminals, quoted } from '../by-hand.ts'
import { isRecord, showCli, type Exam } from '../exam.ts'
import type { AoChecks } from '../lanes/checks-lane.ts'
import { sessionOf, type World } from '../world.ts'
import { doctor } from './daemon.ts'
import { asked, branchOf, build, ciNudge, complaints, expectPull, goodManners, log, needs, never, onGitHub, remember, repo, soon, spawnOn, tick } from './scm.ts'

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
const laterSpawn = { json: { projectId: 'later', harness: 'kimi', prompt: 'do nothing', branch: 'feat/later' } }
const laterOrigin = 'https://github.com/acme/later.git'
const tellOrigin = (exam: Exam, path: string): void => { exam.byHand(`git -C ${quoted(path, exam.daemon.root)} remote add origin ${laterOrigin}`, ['later']) }
const look = 'curl -s -N -m 3 "http://127.0.0.1:$AO_PORT/api/v1/events?after=0"'

/** Gives a local project an origin, as the runbook does, and spawns a worker in it. */
async function addOrigin(exam: Exam, world: World, { github }: LaneGitHub): Promise<void> {
  await github.setRepository('acme/later')
  const { path } = await world.project(exam, 'later', {})
  await world.git(path, 'remote', 'add', 'origin', laterOrigin)
  tellOrigin(exam, path)
  const first = await exam.api('POST', '/sessions', [], { ...laterSpawn, as: 'in a project whose origin was never fetched' })
  if (first.status === 201) return
  world.memory.set('first spawn later', first.shown)
  await world.git(path, 'update-ref', 'refs/remotes/origin/main', 'HEAD')
  exam.byHand(`git -C ${quoted(path, exam.daemon.root)} update-ref refs/remotes/origin/main HEAD`)
  await exam.api('POST', '/sessions', [], { ...laterSpawn, as: 'with refs/remotes/origin/main' })
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
    const { answer, level } = await exam.one(() => doctor(exam, lane.env))
    exam.expect(level('github-token') === 'PASS', 'doctor-token', 'the doctor passes a token that GitHub takes', showCli(answer).slice(-400), 'high', 'AO_GITHUB_TOKEN="$GITHUB_TOKEN" ao doctor')
    for (const [name, { number, facts }] of Object.entries(cast)) {
      await spawnOn(exam, world, name)
      await github.setPull({ repo, number, head: branchOf(name), ...facts })
    }
    // Open before a session is made for it, in a repository where nothing else happens.
    await github.setRepository('acme/quiet')
    await github.setPull({ repo: 'acme/quiet', number: 1, head: branchOf('acme/quiet'), checks: [build('green')] })
    await spawnOn(exam, world, 'acme/quiet', 'quiet')
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
    for (const [name, { number, tells }] of Object.entries(cast)) await onGitHub(exam, world, [name], `open a pull request of ${branchOf(name)} that is ${name}`, async () => {
      await expectPull(exam, world, name, `not-found ${name}`, `the pull request of the session's branch is discovered (${name})`, { number }, name === 'red' ? tick : soon)
      await expectPull(exam, world, name, `facts ${name}`, `its state, checks, review and mergeability are told (${name})`, tells)
    })
    exam.byHand(`# on GitHub: open a pull request of ${branchOf('red')} that is red`, [remember(world, 'red')])
    exam.byHand(`sleep ${tick / 1000}`)
    const url = `https://github.com/${repo}/pull/7`
    const event = (type: string, has: Readonly<Record<string, unknown>>) => comes(async () => (await eventsOf(exam.daemon)).some((each) => each.type === type && Object.entries(has).every(([key, value]) => each.payload[key] === value)), soon)
    exam.expect(await event('pr_created', { url, session: remember(world, 'red') }), 'event pr_created', 'the event pr_created is emitted', 'it did not come', 'high', look)
    exam.expect(await event('pr_check_recorded', { pr: url, name: 'build' }), 'event pr_check_recorded', 'the event pr_check_recorded is emitted', 'it did not come', 'high', look)
    const { status } = await sessionOf(exam, remember(world, 'red'))
    exam.expect(status === 'ci_failed', 'status', 'the session whose pull request fails says so', `status ${String(status)}`, 'low')
  }],
  '6.2 a red pull request is told to the agent once': [40, async (exam, world) => {
    const { daemon } = exam
    exam.byHand(`# on GitHub: open a pull request of ${branchOf('red')} whose check fails, with colours in its log; what the agent then gets shows where \`cat -v\` is the agent`, [remember(world, 'red')])
    exam.byHand(`sleep ${tick / 1000}`)
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
    lane.setGh({ state: 'token', token: 'gho_of_gh' })
    const mark = await lane.restart(exam, { AO_GITHUB_TOKEN: '', GITHUB_TOKEN: '' })
    world.memory.set('mark of gh', String(mark))
    exam.byHand(`# on GitHub: open a pull request of ${branchOf('red')} whose check fails; when the agent was told, stop the daemon and start it once more`, [session])
    exam.byHand(`sleep ${tick / 1000}`)
    const sees = async (wanted: (request: GitHubRequest) => boolean): Promise<boolean> => (await lane.github.log(mark)).requests.some((request) => request.status !== undefined && wanted(request))
    // A daemon that restores its sessions may look while some are still to come, and at those at its next tick.
    const looked = await comes(async () => await sees(({ graphql }) => graphql?.pulls.includes(`${repo}#7`) === true) && sees(({ path }) => path.startsWith('/repos/acme/quiet/pulls')), tick)
    exam.expect(looked, 'not-looked', 'after a restart the daemon looks again', () => `nothing of ${repo}#7 and acme/quiet within one tick`)
    const again = await comes(() => timesHeard(daemon, session, ciNudge) > before, never)
    exam.expect(!again, 'told-again', 'what was told before a restart is not told after it', heard(daemon, session))
  }],
  '6.3 the token of gh is as good as one in the environment': [40, async (exam, world, lane) => {
    const mark = Number(needs(world, 'mark of gh'))
    const { requests } = await lane.github.log(mark)
    exam.expect(requests.some(({ token, status }) => token === tokenHash('gho_of_gh') && status === 200), 'gh-token', 'the token that `gh auth token` prints is used', await asked(lane, mark))
    const strange = lane.ghCalls().filter(({ unknown }) => unknown)
    exam.expect(strange.length === 0, 'gh-called', 'gh is asked for nothing but its token and the URL of a repository', strange.map(({ args }) => `gh ${args.join(' ')}`).join('; '), 'unclear')
  }],
  '6.2 what changes while the daemon runs is told within one tick': [150, async (exam, world, lane) => {
    const { github } = lane
    const session = remember(world, 'red')
    world.memory.set('told before', String(timesHeard(exam.daemon, session, ciNudge)))
    await exam.one(() => spawnOn(exam, world, 'opened before', 'quiet'))
    await exam.one(() => spawnOn(exam, world, 'opened later'))
    await exam.one(() => addOrigin(exam, world, lane))
    await github.setPull({ repo, number: 20, head: branchOf('opened later'), checks: [build('green')] })
    await github.push({ repo, number: 7 }, [build('red', `${log}\nanother failure`)])
    await github.setPull({ repo, number: 10, checks: [build('green')] })
    await github.setPull({ repo, number: 12, draft: false })
    await github.setPull({ repo, number: 11, state: 'closed' })
    await github.setPull({ repo, number: 9, state: 'merged' })
    await github.resolveThread(needs(world, 'thread'))
    await github.setPull({ repo, number: 13, reviewDecision: 'APPROVED' })
    world.memory.set('changed', 'yes')
    await onGitHub(exam, world, ['opened later'], `open a pull request of ${branchOf('opened later')} whose check passes`, () => expectPull(exam, world, 'opened later', 'opened-later', 'a pull request that is opened while the daemon runs is discovered', { number: 20, ci: 'passing' }, tick))
    await onGitHub(exam, world, ['pending'], `open a pull request of ${branchOf('pending')} whose check runs, wait for ${tick / 1000} s, and let it pass`, async () => {
      await expectPull(exam, world, 'pending', 'turned-green', 'checks that end are told', { ci: 'passing' })
      const updated = await comes(async () => (await eventsOf(exam.daemon)).some(({ type, payload }) => type === 'pr_updated' && payload.url === `https://github.com/${repo}/pull/10`), soon)
      exam.expect(updated, 'event pr_updated', 'the event pr_updated is emitted when a pull request changes', 'it did not come', 'high', look)
    })
    await onGitHub(exam, world, ['draft'], `open a pull request of ${branchOf('draft')} as a draft, wait for ${tick / 1000} s, and say that it is ready`, () => expectPull(exam, world, 'draft', 'no-draft', 'a draft that is ready is told', { state: 'open' }))
    await onGitHub(exam, world, ['conflicting'], `open a pull request of ${branchOf('conflicting')}, wait for ${tick / 1000} s, and close it`, () => expectPull(exam, world, 'conflicting', 'closed', 'a closed pull request is told', { state: 'closed' }))
    await onGitHub(exam, world, ['acme/quiet'], `open a pull request of ${branchOf('opened before')} in acme/quiet`, async () => {
      exam.byHand(`sleep ${tick / 1000}`, [remember(world, 'opened before')])
      await expectPull(exam, world, 'opened before', 'opened-before', 'the pull request of the branch is discovered also when it was open before the session was spawned', { number: 2 })
    })
    await onGitHub(exam, world, ['green'], `open a pull request of ${branchOf('green')}, wait for ${tick / 1000} s, and merge it`, async () => {
      await expectPull(exam, world, 'green', 'merged', 'a merged pull request is told', { state: 'merged' })
      const merged = remember(world, 'green')
      if ((await sessionOf(exam, merged)).isTerminated !== true) return
      const gone = await comes(async () => !(await exam.daemon.terminals.list()).includes(merged), never)
      exam.expect(gone, 'merged-lives', 'a session that ended because its pull request was merged leaves no terminal session', `${merged} is terminated, its terminal session lives`, 'unclear', inTerminals(world.can.terminal, 'list-sessions'))
      if (!gone) await exam.daemon.terminals.kill(merged)
    })
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
    tellOrigin(exam, join(exam.daemon.root, 'r', 'later'))
    const tried = exam.curl('POST', '/sessions', [], laterSpawn)
    if (first !== undefined) exam.finding('spawn', 'a worker can be spawned in a local project to which an origin was added', first, 'high', tried)
    exam.byHand(first === undefined ? tried : `git -C later update-ref refs/remotes/origin/main HEAD; ${tried}`)
    exam.byHand(`sleep ${tick / 1000}`)
    const filled = await comes(async () => await repository() === 'https://github.com/acme/later.git', soon)
    exam.expect(filled, 'not-filled', 'the observer reads the origin and writes it into the project', `repo is ${JSON.stringify(await repository())}`)
  }],
  '6.6 an open review thread is told, and that it was resolved': [60, async (exam, world) => {
    const { daemon } = exam
    needs(world, 'changed')
    const session = remember(world, 'reviewed')
    const thread = needs(world, 'thread')
    exam.byHand(`# on GitHub: open a pull request of ${branchOf('reviewed')} with a review thread, wait for ${tick / 1000} s, and resolve the thread`, [session])
    exam.byHand(`sleep ${tick / 1000}`)
    const of = async (): Promise<string[]> => (await eventsOf(daemon)).filter(({ payload }) => payload.thread === thread).map(({ type, payload }) => `${type} ${JSON.stringify(payload)}`)
    const has = (type: string) => comes(async () => (await of()).some((event) => event.startsWith(`${type} `)), soon)
    exam.expect(await has('pr_review_thread_added'), 'event added', 'the event pr_review_thread_added is emitted', 'it did not come', 'high', look)
    exam.expect(await comes(() => heard(daemon, session).includes('please rename this variable'), soon), 'review-not-told', 'what the reviewer wrote reaches the agent', heard(daemon, session) || 'the agent heard nothing', 'low')
    await expectPull(exam, world, 'reviewed', 'still-unresolved', 'a resolved thread is no open comment', { unresolved: false, review: 'approved' })
    const resolved = await has('pr_review_thread_resolved')
    exam.expect(resolved, 'event resolved', 'the event pr_review_thread_resolved is emitted when a thread is resolved', `events of the thread: ${(await of()).join('; ') || 'none'}`, 'high', `${look} | grep pr_review_thread`)
  }],
  '6.3 without a token the observer says so, and does nothing': [150, async (exam, world, lane) => {
    const none = { AO_GITHUB_TOKEN: '', GITHUB_TOKEN: '' }
    // With a token it would be told, if the observer came round just now.
    await exam.daemon.stop()
    const before = timesHeard(exam.daemon, remember(world, 'red'), ciNudge)
    await lane.github.push({ repo, number: 7 }, [build('red', 'a failure that nobody may see')])
    for (const state of ['empty', 'fails', 'absent'] as const) await exam.one(async () => {
      // What the one before says while it ends is not about this one.
      await exam.daemon.stop()
      lane.setGh({ state })
      const offset = exam.daemon.logText().length
      const mark = await lane.restart(exam, none)
      exam.byHand(`sleep ${tick / 1000}; grep scm daemon.log`, [remember(world, 'red')])
      const says = (): boolean => exam.daemon.logText().slice(offset).includes('scm observer disabled: provider credentials unavailable')
      // The first word about it is the last one until the next tick.
      await comes(() => says() || complaints(exam, offset).length > 0, soon)
      exam.expect(says(), `not-said gh ${state}`, `without a token the log says "scm observer disabled: provider credentials unavailable" (gh ${state})`, complaints(exam, offset).join(' | ') || 'the log says nothing of it', 'low')
      const { requests } = await lane.github.log(mark)
      exam.expect(requests.length === 0, `asked gh ${state}`, `without a token GitHub is not asked (gh ${state})`, requests.map(describeRequest).join('; '))
    })
    exam.expect(timesHeard(exam.daemon, remember(world, 'red'), ciNudge) === before, 'nudged', 'without a token nobody is told anything', heard(exam.daemon, remember(world, 'red')))
  }],
  ...goodManners,
})
