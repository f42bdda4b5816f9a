import { baseShaOf, mergeStateOf, outcomeOf, rollupOf, shaOf, urlOf } from './world.mjs'

/** Where GitHub keeps the logs of its jobs: another host, which wants no token of GitHub's. */
export const logHost = 'productionresultssa0.blob.core.windows.net'

const api = 'https://api.github.com'

/** What GitHub answers to an error: never HTML, always with a place to read. */
export const envelope = (status, message, documentation = 'https://docs.github.com/rest') => ({
  status, json: { message, documentation_url: documentation, status: String(status) },
})

const notFound = () => envelope(404, 'Not Found')
const user = (login) => ({ login, id: 1, html_url: `https://github.com/${login}`, url: `${api}/users/${login}`, type: 'User', site_admin: false })

function repositoryJson(repository) {
  const [owner, name] = repository.fullName.split('/')
  return {
    id: repository.id, name, full_name: repository.fullName, private: repository.isPrivate, owner: user(owner), html_url: `https://github.com/${repository.fullName}`,
    url: `${api}/repos/${repository.fullName}`, clone_url: `https://github.com/${repository.fullName}.git`, default_branch: repository.defaultBranch,
  }
}

function pullJson(pull, whole) {
  const { repository } = pull
  const headOwner = pull.headRepo.split('/')[0]
  return {
    id: pull.id, number: pull.number, url: `${api}/repos/${repository.fullName}/pulls/${pull.number}`, html_url: urlOf(pull), state: pull.state === 'open' ? 'open' : 'closed',
    locked: false, draft: pull.draft, title: pull.title, body: null, user: user(pull.author), labels: [], assignees: [], requested_reviewers: [],
    head: { label: `${headOwner}:${pull.head}`, ref: pull.head, sha: shaOf(pull), user: user(headOwner), repo: { full_name: pull.headRepo, name: pull.headRepo.split('/')[1] } },
    base: { label: `${repository.fullName.split('/')[0]}:${pull.base}`, ref: pull.base, sha: baseShaOf(pull), user: user(repository.fullName.split('/')[0]), repo: repositoryJson(repository) },
    created_at: pull.createdAt, updated_at: pull.updatedAt, closed_at: pull.closedAt, merged_at: pull.mergedAt,
    merge_commit_sha: pull.state === 'merged' ? baseShaOf(pull) : null,
    ...(whole && {
      merged: pull.state === 'merged', mergeable: pull.mergeable === 'UNKNOWN' ? null : pull.mergeable === 'MERGEABLE', mergeable_state: mergeStateOf(pull).toLowerCase(),
      additions: pull.additions, deletions: pull.deletions, changed_files: pull.changedFiles, commits: pull.revision, comments: 0, review_comments: pull.threads.length,
    }),
  }
}

function listPulls(world, { repository, query, path }) {
  const state = query.get('state') ?? 'open'
  if (!['open', 'closed', 'all'].includes(state)) return envelope(422, 'Validation Failed')
  const head = query.get('head')
  const newest = { updated: 'updatedAt', created: 'createdAt' }[query.get('sort') ?? 'created'] ?? 'createdAt'
  const direction = (query.get('direction') ?? (query.has('sort') ? 'asc' : 'desc')) === 'asc' ? 1 : -1
  const pulls = [...repository.pulls.values()]
    .filter((pull) => state === 'all' || (pull.state === 'open') === (state === 'open'))
    .filter((pull) => head === null || !head.includes(':') || `${pull.headRepo.split('/')[0]}:${pull.head}`.toLowerCase() === head.toLowerCase())
    .filter((pull) => !query.has('base') || pull.base === query.get('base'))
    .sort((a, b) => direction * (a[newest].localeCompare(b[newest]) || a.number - b.number))
  return page(pulls.map((pull) => pullJson(pull, false)), { query, path: path.replace(/^\/repos\/[^/]+\/[^/]+/, `/repositories/${repository.id}`) })
}

/** One page of a list, with the links to the others where there are any. */
function page(all, { query, path, wrap = (items) => items }) {
  const number = (name, otherwise) => Math.max(1, Number.parseInt(query.get(name) ?? '', 10) || otherwise)
  const size = Math.min(100, number('per_page', 30))
  const at = number('page', 1)
  const last = Math.max(1, Math.ceil(all.length / size))
  const link = (to, rel) => `<${api}${path}?${new URLSearchParams({ ...Object.fromEntries(query), page: String(to) })}>; rel="${rel}"`
  const links = [...(at > 1 ? [link(at - 1, 'prev')] : []), ...(at < last ? [link(at + 1, 'next'), link(last, 'last')] : []), ...(at > 1 ? [link(1, 'first')] : [])]
  return { status: 200, json: wrap(all.slice((at - 1) * size, at * size)), headers: links.length > 0 ? { Link: links.join(', ') } : {} }
}

function checkRuns(world, { repository, query, path, parts: [sha] }) {
  const commit = world.commit(repository, sha)
  if (commit === undefined) return envelope(422, `No commit found for SHA: ${sha}`, 'https://docs.github.com/rest/checks/runs#list-check-runs-for-a-git-reference')
  const runs = commit.checks.filter(({ status }) => !status).map((check) => {
    const { status, conclusion } = outcomeOf(check)
    const html = `https://github.com/${repository.fullName}/actions/runs/${check.id}/job/${check.id}`
    return {
      id: check.id, name: check.name, head_sha: sha, status: status.toLowerCase(), conclusion: conclusion?.toLowerCase() ?? null, html_url: html, details_url: html,
      url: `${api}/repos/${repository.fullName}/check-runs/${check.id}`, started_at: check.startedAt, completed_at: check.completedAt, app: { slug: 'github-actions' },
    }
  })
  return page(runs, { query, path, wrap: (check_runs) => ({ total_count: runs.length, check_runs }) })
}

function combinedStatus(world, { repository, parts: [sha] }) {
  const commit = world.commit(repository, sha)
  if (commit === undefined) return envelope(404, 'Not Found')
  const statuses = commit.checks.filter(({ status }) => status).map((check) => ({ context: check.name, state: (outcomeOf(check).conclusion ?? 'PENDING').toLowerCase() }))
  return { status: 200, json: { state: (rollupOf({ checks: commit.checks.filter(({ status }) => status) }) ?? 'PENDING').toLowerCase(), sha, total_count: statuses.length, statuses } }
}

function jobLogs(world, { repository, parts: [id] }) {
  const found = world.check(Number(id))
  if (found === undefined || found.pull.repository !== repository || found.check.completedAt === null || found.check.log === undefined) return notFound()
  return { status: 302, text: '', headers: { Location: `https://${logHost}/actions-results/${id}/job.txt?sig=fake` } }
}

const oneRepository = (world, { repository }) => ({ status: 200, json: repositoryJson(repository) })
function onePull(world, { repository, parts: [number] }) {
  const pull = repository.pulls.get(Number(number))
  return pull === undefined ? notFound() : { status: 200, json: pullJson(pull, true) }
}

/** What the fake knows, by the name that failures and the log call it. `:repository` is `repos/owner/name` or `repositories/id`. */
const routes = [
  { route: 'user', pattern: /^\/user$/, answer: (world, { token }) => ({ status: 200, json: { ...user(token.login), name: token.login } }) },
  { route: 'rate-limit', pattern: /^\/rate_limit$/, free: true, answer: (world, { token }) => ({ status: 200, json: { resources: { core: token.core, graphql: token.graphql }, rate: token.core } }) },
  { route: 'repository', pattern: /^:repository$/, answer: oneRepository },
  { route: 'pulls', pattern: /^:repository\/pulls$/, answer: listPulls },
  { route: 'pull', pattern: /^:repository\/pulls\/(\d+)$/, answer: onePull },
  { route: 'check-runs', pattern: /^:repository\/commits\/([^/]+)\/check-runs$/, answer: checkRuns },
  { route: 'status', pattern: /^:repository\/commits\/([^/]+)\/status$/, answer: combinedStatus },
  { route: 'job-logs', pattern: /^:repository\/actions\/jobs\/(\d+)\/logs$/, answer: jobLogs },
]

/** Which of the routes a REST request takes; undefined when the fake does not know it. */
export function findRest(world, method, { pathname }) {
  const [, owner, name] = /^\/repos\/([^/]+)\/([^/]+)/.exec(pathname) ?? []
  const [, id] = /^\/repositories\/(\d+)/.exec(pathname) ?? []
  const path = pathname.replace(/^\/(?:repos\/[^/]+\/[^/]+|repositories\/\d+)/, ':repository')
  const found = method === 'GET' || method === 'HEAD' ? routes.find(({ pattern }) => pattern.test(path)) : undefined
  if (found === undefined) return undefined
  const fullName = owner === undefined ? undefined : `${decodeURIComponent(owner)}/${decodeURIComponent(name)}`
  const repository = fullName === undefined ? world.repositoryById(Number(id)) : world.repository(fullName)
  const parts = found.pattern.exec(path).slice(1).map(decodeURIComponent)
  const needsRepository = path.startsWith(':repository')
  return {
    route: found.route, free: found.free === true,
    answer: (token, url) => needsRepository && repository === undefined
      ? notFound()
      : found.answer(world, { token, repository, parts, query: url.searchParams, path: url.pathname }),
  }
}

/** The log of a job, from the host that keeps them. */
export function jobLog(world, url, authorization) {
  if (authorization !== undefined) return { status: 401, text: '<?xml version="1.0"?><Error><Code>InvalidAuthenticationInfo</Code></Error>', complaint: 'the token of GitHub was sent to the host that keeps the logs' }
  const [, id] = /^\/actions-results\/(\d+)\/job\.txt$/.exec(url.pathname) ?? []
  const log = world.check(Number(id))?.check.log
  return log === undefined ? { status: 404, text: '<?xml version="1.0"?><Error><Code>BlobNotFound</Code></Error>' } : { status: 200, text: log }
}
