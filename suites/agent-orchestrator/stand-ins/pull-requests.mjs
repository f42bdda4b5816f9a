// What the daemon of ours does about pull requests: it asks GitHub as AO does, through the proxy of its environment, tells
// what it sees in sessions, events and messages, and claims. It breaks the promises that `broken` names.
import { execFileSync } from 'node:child_process'
import { setTimeout as delay } from 'node:timers/promises'
import { ProxyAgent, throughProxy } from '../github/through-proxy.mjs'

const { HTTPS_PROXY, SSL_CERT_FILE: ca, AO_GITHUB_TOKEN, GITHUB_TOKEN, AO_LIKE_TICK = '30000' } = process.env
// Without an authority it is the proxy that lets nobody out.
const proxy = ca === undefined ? undefined : HTTPS_PROXY
const api = 'https://api.github.com'
const clean = (text) => text.replaceAll(/\u001b\[[\d;]*m/g, '').replaceAll(/[^\P{Cc}\n\t]/gu, '')

/** The token of the environment, else gh's; undefined where there is none. */
function findToken(broken) {
  if (AO_GITHUB_TOKEN || GITHUB_TOKEN) return AO_GITHUB_TOKEN || GITHUB_TOKEN
  if (broken('gh-unasked')) return undefined
  try {
    return execFileSync('gh', ['auth', 'token'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || undefined
  } catch {
    return undefined
  }
}

class Failed extends Error {
  constructor(status, text) {
    super(text)
    this.status = status
  }
}

function gitHub(token) {
  const agent = proxy === undefined ? undefined : new ProxyAgent({ proxy, ca }, { keepAlive: true })
  const ask = async (path, body, more = {}) => {
    const headers = { 'User-Agent': 'like-ao', Accept: 'application/vnd.github+json', Authorization: `Bearer ${token}`, ...more }
    const answer = await throughProxy({ proxy, ca }, path.startsWith('https:') ? path : api + path, { agent, method: body === undefined ? 'GET' : 'POST', headers, body: body && JSON.stringify(body) })
    if (answer.status >= 400) throw new Failed(answer.status, `HTTP ${answer.status} ${answer.body.slice(0, 200)}`)
    return answer
  }
  const query = async (repo, numbers, fields) => {
    const [owner, name] = repo.split('/')
    const { body } = await ask('/graphql', { query: `query($owner: String!, $name: String!) { ${numbers.map((number) => `pr${number}: repository(owner: $owner, name: $name) { pullRequest(number: ${number}) { ${fields} } }`).join(' ')} }`, variables: { owner, name } })
    const { data, errors = [] } = JSON.parse(body)
    const other = errors.find(({ type }) => type !== 'NOT_FOUND')
    if (other || !data) throw new Failed(502, other?.message ?? 'an answer without data')
    return numbers.map((number) => data[`pr${number}`]?.pullRequest ?? undefined)
  }
  return {
    ask,
    openPulls: async (repo) => JSON.parse((await ask(`/repos/${repo}/pulls?state=open&per_page=100`)).body),
    /** As asked for by number; undefined where it is not there. */
    pulls: async (repo, numbers) => (await query(repo, numbers, 'number url state isDraft mergeable reviewDecision headRefName headRefOid commits(last: 1) { nodes { commit { statusCheckRollup { contexts(first: 50) { nodes { ... on CheckRun { databaseId name status conclusion } } } } } } }')).map((pull) => pull && {
      number: pull.number, url: pull.url, head: pull.headRefName, sha: pull.headRefOid, state: pull.state === 'OPEN' ? (pull.isDraft ? 'draft' : 'open') : pull.state.toLowerCase(),
      review: pull.reviewDecision?.toLowerCase() ?? 'none', mergeability: pull.mergeable.toLowerCase(), checks: pull.commits.nodes[0].commit.statusCheckRollup?.contexts.nodes ?? [],
    }),
    threads: async (repo, numbers) => (await query(repo, numbers, 'reviewThreads(first: 50) { nodes { id isResolved comments(first: 1) { nodes { body author { login } } } } }')).map((pull) => pull?.reviewThreads.nodes ?? []),
    /** The end of a job's log; undefined where it has none. */
    logOf: async (repo, { databaseId }, whole) => {
      try {
        const { headers } = await ask(`/repos/${repo}/actions/jobs/${databaseId}/logs`)
        const { body } = await throughProxy({ proxy, ca }, headers.location)
        return whole ? body : body.split('\n').slice(-20).join('\n')
      } catch {
        return undefined
      }
    },
  }
}

const ciOf = ({ checks }) => checks.some(({ conclusion }) => conclusion === 'FAILURE') ? 'failing' : checks.some(({ conclusion }) => conclusion === null) ? 'pending' : checks.length > 0 ? 'passing' : 'none'
const repoOf = ({ repo }) => /github\.com[/:]([\w.-]+\/[\w.-]+?)(?:\.git)?$/.exec(repo)?.[1]

/**
 * @param state projects and sessions; a session's pull requests are its `prs`, what its agent was told is in its `told`
 * @param tell writes a message into the terminal of a session
 * @param onTick called whenever the observer has come round, whatever it did
 */
export function pullRequests({ state, broken, Refused, happen, tell, end, save, git, warn, onTick }) {
  // Where there is no GitHub at all nobody is asked for a token.
  const token = proxy === undefined ? undefined : findToken(broken)
  const github = gitHub(token)
  const live = () => state.sessions.filter(({ isTerminated }) => !isTerminated)
  const projectOf = (session) => state.projects.find(({ id }) => id === session.projectId)

  /** Writes down what GitHub says of a pull request, and tells what is new in it. */
  const learn = (session, facts, threads) => {
    const open = threads.filter(({ isResolved }) => !isResolved)
    const kept = session.prs.find(({ url }) => url === facts.url)
    const known = kept && { ...kept }
    if (kept && broken('closed-untold') && facts.state === 'closed') return kept
    const pull = { ...facts, ci: broken('always-passing') ? 'passing' : ciOf(facts), reviewComments: broken('threads-stay') ? (known?.reviewComments === true || open.length > 0) : open.length > 0, threads: Object.fromEntries(threads.map(({ id, isResolved }) => [id, isResolved])) }
    if (kept === undefined || broken('claimed-twice')) session.prs.push(pull)
    else Object.assign(kept, pull)
    if (known === undefined && !broken('no-pr-event')) happen('pr_created', session, { url: pull.url, session: session.id })
    if (known && ['state', 'ci', 'review', 'mergeability'].some((key) => known[key] !== pull[key]) && !broken('no-pr-update')) happen('pr_updated', session, { url: pull.url, session: session.id, state: pull.state, ci: pull.ci })
    for (const check of pull.checks) {
      const before = known?.sha === pull.sha ? known.checks.find(({ name }) => name === check.name) : undefined
      if (before?.conclusion !== check.conclusion || before === undefined) happen('pr_check_recorded', session, { pr: pull.url, name: check.name, conclusion: check.conclusion })
    }
    for (const { id, isResolved } of threads) {
      if (known?.threads[id] === undefined) happen('pr_review_thread_added', session, { pr: pull.url, thread: id })
      if (isResolved && known?.threads[id] !== true && !broken('threads-stay')) happen('pr_review_thread_resolved', session, { pr: pull.url, thread: id })
    }
    save()
    return pull
  }
  const once = (session, key, text) => {
    if (session.told.filter((one) => one === key).length > (broken('nudges-twice') ? 1 : 0)) return
    session.told.push(key)
    save()
    tell(session, broken('raw-log') ? text : clean(text))
  }
  const nudge = async (repo, session, pull, threads) => {
    const red = pull.checks.filter(({ conclusion }) => conclusion === 'FAILURE')
    if (red.length > 0 && (!session.told.includes(`ci ${pull.sha}`) || broken('nudges-twice'))) {
      const log = await github.logOf(repo, red[0], broken('whole-log'))
      if (log !== undefined || !broken('needs-log')) once(session, `ci ${pull.sha}`, `CI failed on ${pull.url}: ${red.map(({ name }) => name).join(', ')}\n${log ?? ''}`)
    }
    for (const { id, isResolved, comments } of threads) if (!isResolved) once(session, id, `review of ${pull.url} by ${comments.nodes[0].author.login}: ${comments.nodes[0].body}`)
  }

  const lookAt = async (project) => {
    if (project.repo === '' && !broken('no-backfill')) {
      try {
        project.repo = git(project.path, 'remote', 'get-url', 'origin')
      } catch {
        return
      }
    }
    const repo = repoOf(project)
    const mine = () => live().filter(({ projectId }) => projectId === project.id)
    if (repo === undefined || mine().length === 0) return
    try {
      const open = await github.openPulls(repo)
      const wanted = new Map()
      for (const session of mine()) {
        const known = session.prs.map(({ number }) => number)
        const found = open.filter(({ head, title }) => head.ref === session.branch && head.repo.full_name === repo && !(broken('older-unseen') && title === 'older')).map(({ number }) => number)
        for (const number of [...known, ...found]) if (!state.sessions.some((other) => other !== session && other.prs.some((pull) => pull.number === number && other.projectId === project.id))) wanted.set(number, session)
      }
      const numbers = [...wanted.keys()]
      if (numbers.length === 0) return
      const facts = await github.pulls(repo, numbers)
      const threads = await github.threads(repo, numbers)
      for (const [index, number] of numbers.entries()) {
        const session = wanted.get(number)
        if (facts[index] === undefined || session.isTerminated) continue
        const pull = learn(session, facts[index], threads[index])
        if (pull.state === 'merged') {
          if (broken('merged-lives')) session.isTerminated = true
          else end(session)
        } else if (pull.state === 'open') await nudge(repo, session, pull, threads[index])
      }
    } catch (error) {
      if (!broken('failure-unlogged')) warn(`scm observer: ${repo}: ${error.message}`)
      if (broken('failure-forgets')) for (const session of mine()) session.prs = []
      throw error
    }
  }
  const observe = async () => {
    if (broken('nudges-again')) for (const session of state.sessions) session.told = []
    if (token === undefined && !broken('disabled-unsaid')) warn('scm observer disabled: provider credentials unavailable')
    if (token !== undefined || broken('asks-without-token')) {
      if (broken('wrong-token') && GITHUB_TOKEN) await gitHub(GITHUB_TOKEN).ask('/user').catch(() => undefined)
      if (broken('no-user-agent')) await throughProxy({ proxy, ca }, `${api}/user`, { headers: { Authorization: `Bearer ${token}`, Accept: 'application/json' } }).catch(() => undefined)
      if (broken('egress')) await throughProxy({ proxy, ca }, 'https://telemetry.example/').catch(() => undefined)
    }
    for (;;) {
      if ((token !== undefined || broken('asks-without-token')) && !broken('blind')) {
        const looks = state.projects.map((project) => () => lookAt(project))
        if (broken('stops-at-failure')) await looks.reduce((before, look) => before.then(look), Promise.resolve()).catch(() => undefined)
        else await Promise.allSettled(looks.map((look) => look()))
      }
      onTick()
      await delay(Number(AO_LIKE_TICK))
    }
  }

  const claim = async (session, { pr, allowTakeover = true }) => {
    if (pr === undefined || pr === '') throw new Refused(400, 'PR_REQUIRED')
    if (typeof pr !== 'string' || typeof allowTakeover !== 'boolean') throw new Refused(400, 'INVALID_JSON')
    const [, own, inUrl, bare] = /^(?:https:\/\/github\.com\/([\w.-]+\/[\w.-]+)\/pull\/([1-9]\d{0,8})\/?|#?([1-9]\d{0,8}))$/i.exec(pr.trim()) ?? []
    const number = Number(inUrl ?? bare)
    if (!number) throw new Refused(400, 'INVALID_PR_REF')
    if (session.isTerminated) throw new Refused(409, 'SESSION_TERMINATED')
    if (session.kind !== 'worker') throw new Refused(422, 'SESSION_NOT_CLAIMABLE')
    const repo = repoOf(projectOf(session))
    if (own !== undefined && own.toLowerCase() !== repo?.toLowerCase() && !broken('claims-anywhere')) throw new Refused(422, 'PR_PROJECT_MISMATCH')
    if (token === undefined && !broken('asks-without-token')) throw new Refused(503, 'SCM_UNAVAILABLE')
    const attached = () => { if (broken('attaches-anyway')) session.prs.push({ number, url: `https://github.com/${repo}/pull/${number}`, threads: {}, checks: [] }) }
    let facts, threads
    try {
      [facts] = await github.pulls(repo, [number])
      ;[threads] = await github.threads(repo, [number])
    } catch (error) {
      attached()
      if (error.status === 404) throw new Refused(404, 'PR_NOT_FOUND')
      throw broken('failure-is-ours') ? error : new Refused(503, 'SCM_UNAVAILABLE', `GitHub cannot be asked: ${error.message}`)
    }
    if (facts === undefined) throw new Refused(404, 'PR_NOT_FOUND')
    if (facts.state !== 'open' && !broken('claims-closed')) throw new Refused(409, 'PR_NOT_OPEN')
    const owners = state.sessions.filter((other) => other !== session && other.prs.some(({ url }) => url === facts.url))
    const active = owners.find(({ isTerminated }) => !isTerminated)
    if (active && !allowTakeover && !broken('always-takes-over')) throw new Refused(409, 'PR_CLAIMED_BY_ACTIVE_SESSION', 'another session has it', broken('owner-unnamed') ? {} : { ownerSessionId: active.id })
    const had = owners[0]?.prs.find(({ url }) => url === facts.url)
    if (!broken('both-have-it')) for (const owner of owners) owner.prs = owner.prs.filter(({ url }) => url !== facts.url)
    if (had && !session.prs.some(({ url }) => url === facts.url)) {
      session.prs.push(had)
      happen('pr_session_changed', session, { url: facts.url, fromSession: owners[0].id, toSession: session.id })
    }
    const pull = learn(session, facts, threads)
    const branchChanged = !broken('branch-stays') && facts.head !== session.branch && switchTo(session, facts.head)
    save()
    return { ok: true, sessionId: session.id, prs: [pull], branchChanged: broken('branch-said') ? !branchChanged : branchChanged, takenOverFrom: owners.filter(({ isTerminated }) => !isTerminated).map(({ id }) => id) }
  }
  /** Puts the worktree on the head branch, where that was fetched. */
  const switchTo = (session, head) => {
    try {
      git(session.path, 'checkout', '--quiet', '-B', head, `refs/remotes/origin/${head}`)
      session.branch = head
      return true
    } catch {
      return false
    }
  }
  return { observe, claim }
}

/** What the doctor says of the token. */
export async function tokenLevel(broken) {
  const token = findToken(broken)
  return token === undefined ? 'WARN' : gitHub(token).ask('/user').then(() => 'PASS', () => 'FAIL')
}
