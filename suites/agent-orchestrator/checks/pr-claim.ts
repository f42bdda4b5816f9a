import { comes } from '../comes.ts'
import type { Failure } from '../github/client.ts'
import { gitHubChecks, type LaneGitHub } from '../github/lane.ts'
import { eventsOf, pullsIn, pullsOf } from '../github/seen-by-ao.ts'
import { isRecord, jsonOf, showCli, type Answer, type CallOptions, type Exam } from '../exam.ts'
import type { AoChecks } from '../lanes/checks-lane.ts'
import type { World } from '../world.ts'
import { goodManners, soon } from './scm.ts'

const repo = 'acme/ws'
const urlOf = (number: number, of = repo): string => `https://github.com/${of}/pull/${number}`
const claimRoute = '/sessions/{}/pr/claim'

/** Claims over HTTP. */
const claim = (exam: Exam, session: string, json: Readonly<Record<string, unknown>>, as: string): Promise<Answer> => exam.api('POST', claimRoute, [session], { json, as })

/** A new worker; its harness leaves the worktree clean, so that it can be ended. */
const worker = (exam: Exam, world: World, branch?: string, project = 'ws'): Promise<string> => world.session(exam, { project, harness: 'kimi', ...(branch !== undefined && { branch }) })

const numbersOf = async (exam: Exam, session: string): Promise<number[]> => (await pullsOf(exam, session)).map(({ number }) => number)
const takenOverFrom = ({ body }: Answer): unknown[] => Array.isArray(body.takenOverFrom) ? body.takenOverFrom : []

/** What names an open pull request of the project; all are claims that succeed. */
const references: Readonly<Record<string, string>> = {
  'its URL': urlOf(7), 'its number': '7', 'its number with #': '#7', 'its URL with capitals in the owner': urlOf(7, 'ACME/ws'), 'its URL with blanks around': ` ${urlOf(7)} `, 'its URL with a slash at the end': `${urlOf(7)}/`,
}

/** What cannot be claimed, and how that is told. */
const mistakes: Readonly<Record<string, CallOptions & { readonly codes: readonly string[]; readonly status: readonly number[] }>> = {
  'no pull request': { json: {}, status: [400], codes: ['PR_REQUIRED', 'INVALID_PR_REF'] },
  'an empty reference': { json: { pr: '' }, status: [400], codes: ['PR_REQUIRED', 'INVALID_PR_REF'] },
  'a word': { json: { pr: 'abc' }, status: [400], codes: ['INVALID_PR_REF'] },
  'number 0': { json: { pr: '0' }, status: [400], codes: ['INVALID_PR_REF'] },
  'number -1': { json: { pr: '-1' }, status: [400], codes: ['INVALID_PR_REF'] },
  'a number of 30 digits': { json: { pr: '9'.repeat(30) }, status: [400], codes: ['INVALID_PR_REF'] },
  'a URL of another host': { json: { pr: 'https://gitlab.com/acme/ws/pull/7' }, status: [400], codes: ['INVALID_PR_REF'] },
  'a host that only begins like GitHub': { json: { pr: 'https://github.com.evil.test/acme/ws/pull/7' }, status: [400], codes: ['INVALID_PR_REF'] },
  'a URL without TLS': { json: { pr: 'http://github.com/acme/ws/pull/7' }, status: [400], codes: ['INVALID_PR_REF'] },
  'an issue': { json: { pr: 'https://github.com/acme/ws/issues/7' }, status: [400], codes: ['INVALID_PR_REF'] },
  'a query that ends the string in GraphQL': { json: { pr: 'https://github.com/acme/ws%22){id}%20x:repository(name:%22y/pull/7' }, status: [400, 422], codes: ['INVALID_PR_REF', 'PR_PROJECT_MISMATCH'] },
  'a pull request of another repository': { json: { pr: urlOf(7, 'acme/other') }, status: [422], codes: ['PR_PROJECT_MISMATCH'] },
  'a draft': { json: { pr: '12' }, status: [409], codes: ['PR_NOT_OPEN'] },
  'a merged pull request': { json: { pr: '13' }, status: [409], codes: ['PR_NOT_OPEN'] },
  'a closed pull request': { json: { pr: '14' }, status: [409], codes: ['PR_NOT_OPEN'] },
  'a pull request that is not there': { json: { pr: '999' }, status: [404], codes: ['PR_NOT_FOUND'] },
  'half of JSON': { raw: '{"pr":', status: [400], codes: ['INVALID_JSON'] },
  'a number that is no text': { json: { pr: 7 }, status: [400], codes: ['INVALID_JSON'] },
  'allowTakeover that is a text': { json: { pr: '7', allowTakeover: 'yes' }, status: [400], codes: ['INVALID_JSON'] },
}

/** What GitHub fails with while it is asked for a claim; none of them is the client's mistake, nor AO's. */
const failures: readonly Failure[] = [
  { route: '*', kind: 'unauthorized' }, { route: '*', kind: 'forbidden' }, { route: '*', kind: 'rate-limited' }, { route: '*', kind: 'secondary-rate-limit' },
  { route: '*', kind: 'server-error', status: 500 }, { route: '*', kind: 'html', status: 503 }, { route: '*', kind: 'broken-json' }, { route: '*', kind: 'cut' }, { route: '*', kind: 'cut-in-body' },
  { route: '*', kind: 'graphql-error', message: 'Something went wrong while executing your query.' }, { route: 'graphql:review-threads', kind: 'server-error', status: 502 },
]

/** What a session has before and after something that must not change it. */
async function unchanged(exam: Exam, session: string, as: string, work: () => Promise<string>): Promise<void> {
  const before = JSON.stringify(await numbersOf(exam, session))
  const happened = await work()
  const after = JSON.stringify(await numbersOf(exam, session))
  exam.expect(before === after, `attached ${as}`, `a claim that fails leaves the pull requests of a session as they were (${as})`, `${happened}; before ${before}, after ${after}`)
}

/** Sessions of all kinds, terminated ones too. */
async function allSessions(exam: Exam): Promise<string[]> {
  const { data } = jsonOf(await exam.ao(['session', 'ls', '--all', '--include-terminated', '--json']))
  return Array.isArray(data) ? data.filter(isRecord).map(({ id }) => String(id)) : []
}

async function prepare(exam: Exam, world: World, lane: LaneGitHub): Promise<void> {
  const { github, token } = lane
  await github.setToken(token)
  await github.setRepository(repo)
  await github.setRepository('acme/other')
  const red = [{ name: 'build', state: 'red' as const, log: 'it does not build' }]
  await github.setPull({ repo, number: 7, head: 'feat/claimed', checks: red })
  for (const number of [8, 9, 10, 11]) await github.setPull({ repo, number, head: `feat/${number}` })
  await github.setPull({ repo, number: 12, draft: true })
  await github.setPull({ repo, number: 13, state: 'merged' })
  await github.setPull({ repo, number: 14, state: 'closed' })
  await github.setPull({ repo: 'acme/other', number: 7 })
  await github.openThread({ repo, number: 7 }, { comments: [{ author: 'ann', body: 'please rename' }] })
  await lane.start(exam)
  const { path } = await world.project(exam)
  // As after a fetch: AO itself asks no remote.
  await world.git(path, 'update-ref', 'refs/remotes/origin/feat/claimed', 'HEAD')
}

export const prClaimChecks: AoChecks = gitHubChecks({
  '8.1 claim-pr attaches an open pull request to a session': [90, async (exam, world, lane) => {
    await prepare(exam, world, lane)
    const session = await worker(exam, world)
    world.memory.set('claimer', session)
    const answer = await exam.ao(['session', 'claim-pr', session, urlOf(7), '--json'])
    const body = jsonOf(answer)
    exam.expect(answer.exitCode === 0 && body.ok === true, 'claim', '`ao session claim-pr` succeeds', showCli(answer))
    exam.expect(Array.isArray(body.takenOverFrom) && body.takenOverFrom.length === 0, 'taken-over', 'nobody had it: takenOverFrom is empty', showCli(answer))
    const [pull] = pullsIn(body.prs)
    exam.expect(pull?.number === 7 && pull.url === urlOf(7) && pull.state === 'open' && pull.ci === 'failing' && pull.unresolved, 'facts', 'the answer tells the pull request, its checks and its open threads', showCli(answer))
    exam.expect((await numbersOf(exam, session)).includes(7), 'not-attached', 'the session has the pull request', JSON.stringify(await pullsOf(exam, session)))
    const got = await exam.ao(['session', 'get', session, '--json'])
    exam.expect(got.stdout.includes('/pull/7'), 'not-in-session-get', '`ao session get --json` shows the pull request attached', showCli(got))
    const branch = (await world.git(world.worktree(session), 'rev-parse', '--abbrev-ref', 'HEAD')).trim()
    exam.expect(branch === 'feat/claimed', 'branch', "the worktree is on the pull request's head branch", `branchChanged ${String(body.branchChanged)}; HEAD is ${branch}`)
    exam.expect(typeof body.branchChanged === 'boolean' && body.branchChanged === (branch === 'feat/claimed'), 'branchChanged', 'branchChanged tells whether the branch was changed', `branchChanged ${String(body.branchChanged)}; HEAD is ${branch}`)
    const event = await comes(async () => (await eventsOf(exam.daemon)).some(({ type, payload }) => type === 'pr_created' && payload.url === urlOf(7)), soon)
    exam.expect(event, 'event', 'the event pr_created is emitted', 'it did not come')
    const text = await exam.ao(['session', 'claim-pr', session, urlOf(7)])
    exam.expect(text.exitCode === 0 && (branch === 'feat/claimed' || !/already on/i.test(text.stdout)), 'text', 'the text does not say that the worktree is on the branch when it is not', showCli(text), 'low')
  }],
  '8.1 every way to name it, as often as one likes': [60, async (exam, world) => {
    const session = world.memory.get('claimer') ?? ''
    for (const [as, pr] of Object.entries(references)) {
      const answer = await claim(exam, session, { pr }, as)
      exam.expect(answer.status === 200, `reference ${as}`, `a pull request can be named by ${as}`, answer.shown, as.includes('with') ? 'low' : 'high')
      if (answer.status === 200) exam.expect(takenOverFrom(answer).length === 0, `from-itself ${as}`, 'who has it already takes it over from nobody', answer.shown)
    }
    const numbers = await numbersOf(exam, session)
    exam.expect(JSON.stringify(numbers) === '[7]', 'twice', 'however often it is claimed, it is there once', JSON.stringify(numbers))
    const cli = await exam.ao(['session', 'claim-pr', session, '#7', '--json'])
    exam.expect(cli.exitCode === 0, 'cli-number', '`#7` will do on the command line', showCli(cli))
    const bad = await exam.ao(['session', 'claim-pr', session, 'abc'])
    exam.expect(bad.exitCode === 2, 'cli-usage', 'a reference that is none is a usage error: exit 2', showCli(bad))
  }],
  '8.1 what cannot be claimed is refused': [120, async (exam, world) => {
    const session = await worker(exam, world)
    world.memory.set('other', session)
    for (const [as, { codes, status, ...options }] of Object.entries(mistakes)) {
      await unchanged(exam, session, as, async () => {
        const answer = await exam.api('POST', claimRoute, [session], { ...options, as })
        if (exam.expect(answer.status >= 400, `accepted ${as}`, `${as} is refused`, answer.shown)) exam.expect(status.includes(answer.status) && codes.includes(String(answer.body.code)), `code ${as}`, `${as} is refused with ${status.join(' or ')} ${codes.join(' or ')}`, answer.shown, 'low')
        return answer.shown
      })
    }
    await exam.refused('POST', claimRoute, ['nobody'], { json: { pr: '7' }, as: 'for an unknown session' }, ['SESSION_NOT_FOUND'])
    const ended = await worker(exam, world)
    await exam.api('POST', '/sessions/{}/kill', [ended], { mayFail: true })
    await exam.refused('POST', claimRoute, [ended], { json: { pr: '8' }, as: 'for an ended session' }, ['SESSION_TERMINATED'])
    const orchestrator = await exam.api('POST', '/orchestrators', [], { json: { projectId: 'ws' }, mayFail: true })
    const id = isRecord(orchestrator.body.orchestrator) ? String(orchestrator.body.orchestrator.id) : undefined
    if (id !== undefined) await exam.refused('POST', claimRoute, [id], { json: { pr: '8' }, as: 'for an orchestrator' }, ['SESSION_NOT_CLAIMABLE'])
  }],
  '8.1 GitHub failing is told as such, and changes nothing': [90, async (exam, world, lane) => {
    const session = world.memory.get('other') ?? ''
    for (const failure of failures) await exam.one(async () => {
      const as = `GitHub answers ${failure.route === '*' ? '' : `${failure.route} with `}${failure.kind}`
      await lane.github.failOn(failure)
      exam.byHand(`# ${as}, as a proxy can make it`, [session])
      await unchanged(exam, session, as, async () => {
        const answer = await claim(exam, session, { pr: '8' }, as)
        exam.expect(answer.status === 503 && answer.body.code === 'SCM_UNAVAILABLE', `not-told ${as}`, `${as}: 503 SCM_UNAVAILABLE`, answer.shown)
        return answer.shown
      })
      await lane.github.heal()
    })
    await lane.github.failOn({ route: 'graphql:pull-requests', kind: 'not-found' })
    const gone = await claim(exam, session, { pr: '8' }, 'GitHub answers 404')
    exam.expect(gone.status === 404 && gone.body.code === 'PR_NOT_FOUND', 'not-found', 'GitHub answers 404: PR_NOT_FOUND', gone.shown, 'low')
    await lane.github.heal()
    await lane.github.failOn({ route: '*', kind: 'slow', delayMs: 1500 })
    const slow = await claim(exam, session, { pr: '8' }, 'GitHub takes 1.5 s for an answer')
    exam.expect(slow.status === 200, 'slow', 'a GitHub that takes 1.5 s is waited for', slow.shown)
    await lane.github.heal()
    await lane.github.removeRepository('acme/other')
  }],
  '8.2 spawn --claim-pr makes a session that has the pull request': [40, async (exam) => {
    const before = await allSessions(exam)
    const answer = await exam.ao(['spawn', '--project', 'ws', '--harness', 'kimi', '--prompt', 'do nothing', '--claim-pr', urlOf(9)])
    const session = (await allSessions(exam)).find((id) => !before.includes(id))
    exam.expect(answer.exitCode === 0 && session !== undefined, 'spawn', '`ao spawn --claim-pr` makes a session', showCli(answer))
    exam.expect(answer.stdout.includes(urlOf(9)), 'not-said', 'it says which pull request was claimed', showCli(answer), 'low')
    if (session !== undefined) exam.expect((await numbersOf(exam, session)).includes(9), 'not-attached', 'the session has the pull request', JSON.stringify(await pullsOf(exam, session)))
    const alone = await exam.ao(['spawn', '--project', 'ws', '--harness', 'kimi', '--no-takeover'])
    exam.expect(alone.exitCode === 2, 'no-takeover-alone', '--no-takeover without --claim-pr is a usage error: exit 2', showCli(alone))
  }],
  '8.2 a spawn whose claim fails leaves no session': [90, async (exam, _world, lane) => {
    const cases: Readonly<Record<string, { readonly args: readonly string[]; readonly harness: string; readonly failure?: Failure }>> = {
      'of a pull request that is not there': { args: ['--claim-pr', urlOf(999)], harness: 'kimi' },
      'of a pull request that is not there, with a harness that installs hooks': { args: ['--claim-pr', urlOf(999)], harness: 'claude-code' },
      'of another repository': { args: ['--claim-pr', urlOf(7, 'acme/elsewhere')], harness: 'kimi' },
      'of a closed pull request': { args: ['--claim-pr', urlOf(14)], harness: 'kimi' },
      'of what another session has, with --no-takeover': { args: ['--claim-pr', urlOf(9), '--no-takeover'], harness: 'kimi' },
      'while GitHub is down': { args: ['--claim-pr', urlOf(10)], harness: 'kimi', failure: { route: '*', kind: 'server-error', status: 503 } },
    }
    for (const [as, { args, harness, failure }] of Object.entries(cases)) {
      if (failure !== undefined) {
        exam.byHand('# while GitHub fails, as a proxy can make it')
        await lane.github.failOn(failure)
      }
      const before = await exam.holdings()
      const answer = await exam.ao(['spawn', '--project', 'ws', '--harness', harness, '--prompt', 'do nothing', ...args])
      if (failure !== undefined) await lane.github.heal()
      if (!exam.expect(answer.exitCode === 1, `exit ${as}`, `a spawn whose claim fails ends with exit 1 (${as})`, showCli(answer))) continue
      exam.expect(!/rollback.*failed/i.test(answer.stderr), 'rollback', `the session is rolled back (${as})`, showCli(answer))
      // An agent that was ended may need a moment to go.
      await comes(async () => (await exam.holdings()).agents.every((agent) => before.agents.includes(agent)), soon)
      // One finding for all: they are ways to come to the same place.
      await exam.nothingNew(before, 'spawn --claim-pr', showCli(answer))
    }
  }],
  '8.3 a claim takes over, unless it is told not to': [60, async (exam, world) => {
    const [first, second] = [await worker(exam, world), await worker(exam, world)]
    await claim(exam, first, { pr: '10' }, 'the first')
    await unchanged(exam, first, 'with allowTakeover false', async () => {
      const refused = await claim(exam, second, { pr: '10', allowTakeover: false }, 'with allowTakeover false')
      exam.expect(refused.status === 409 && refused.body.code === 'PR_CLAIMED_BY_ACTIVE_SESSION', 'not-refused', 'without takeover a claim of what an active session has is refused: 409 PR_CLAIMED_BY_ACTIVE_SESSION', refused.shown)
      exam.expect(isRecord(refused.body.details) && refused.body.details.ownerSessionId === first, 'owner', 'the refusal names the session that has it', refused.shown, 'low')
      return refused.shown
    })
    const cli = await exam.ao(['session', 'claim-pr', second, urlOf(10), '--no-takeover'])
    exam.expect(cli.exitCode === 1 && cli.stderr.includes('PR_CLAIMED_BY_ACTIVE_SESSION'), 'cli-not-refused', 'so it is on the command line: exit 1 and the code', showCli(cli))
    const taken = await claim(exam, second, { pr: '10' }, 'taken over')
    exam.expect(taken.status === 200 && JSON.stringify(takenOverFrom(taken)) === JSON.stringify([first]), 'taken-over', 'by default it is taken over, and takenOverFrom names from whom', taken.shown)
    exam.expect(JSON.stringify([await numbersOf(exam, first), await numbersOf(exam, second)]) === '[[],[10]]', 'still-there', 'then the second has it and the first has it no more', `first ${JSON.stringify(await numbersOf(exam, first))}, second ${JSON.stringify(await numbersOf(exam, second))}`)
    const event = await comes(async () => (await eventsOf(exam.daemon)).some(({ type, payload }) => type === 'pr_session_changed' && payload.fromSession === first && payload.toSession === second), soon)
    exam.expect(event, 'event', 'the event pr_session_changed is emitted', 'it did not come')
    await exam.api('POST', '/sessions/{}/kill', [second], { mayFail: true })
    const freed = await claim(exam, first, { pr: '10', allowTakeover: false }, 'of an ended session, with allowTakeover false')
    exam.expect(freed.status === 200, 'ended-owner', 'what only an ended session has can be claimed without takeover', freed.shown)
  }],
  '8.3 of claims at the same time without takeover one wins': [40, async (exam, world) => {
    const sessions = [await worker(exam, world), await worker(exam, world), await worker(exam, world)]
    const answers = await Promise.all(sessions.map((session) => claim(exam, session, { pr: '11', allowTakeover: false }, 'three at once')))
    const owners = (await Promise.all(sessions.map(async (session) => (await numbersOf(exam, session)).includes(11)))).filter(Boolean).length
    const won = answers.filter(({ status }) => status === 200).length
    exam.expect(won === 1 && owners === 1, 'not-one', 'of three claims at once, none of which may take over, one succeeds and one session has it', `${won} answered 200 and ${owners} have it: ${answers.map(({ shown }) => shown).join('; ')}`)
  }],
  '8.1 without a token a claim says that GitHub cannot be asked': [60, async (exam, world, lane) => {
    lane.setGh({ state: 'empty' })
    await lane.restart(exam, { AO_GITHUB_TOKEN: '', GITHUB_TOKEN: '' })
    const session = await worker(exam, world)
    const mark = await lane.github.mark()
    await unchanged(exam, session, 'without a token', async () => {
      const answer = await claim(exam, session, { pr: '8' }, 'without a token')
      exam.expect(answer.status === 503 && answer.body.code === 'SCM_UNAVAILABLE', 'no-token', 'without a token: 503 SCM_UNAVAILABLE', answer.shown)
      return answer.shown
    })
    const { requests } = await lane.github.log(mark)
    exam.expect(requests.length === 0, 'asked-without', 'GitHub is not asked without a token', JSON.stringify(requests.slice(0, 2)))
  }],
  ...goodManners,
})
