import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { VerdictError } from '../../../harness/verdict.ts'
import { connectGitHub, type Failure, type GitHub } from './client.ts'
import { startServer, type GitHubPlace } from './start-server.ts'
import { throughProxy, type Answered } from './through-proxy.mjs'

let folder: string
let place: GitHubPlace & { stop(): Promise<void> }
let github: GitHub
const repo = 'acme/tools'
const api = 'https://api.github.com'
const log = Array.from({ length: 30 }, (_, line) => `line ${line + 1}`).join('\n')

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'github-'))
  place = await startServer(folder)
  github = connectGitHub(place.control, 'requests.jsonl')
})
afterAll(async () => {
  await place.stop()
  rmSync(folder, { recursive: true, force: true })
})
beforeEach(async () => {
  await github.heal()
  await github.forgetTokens()
  await github.setEtags(true)
  await github.removeRepository(repo)
  await github.setRepository(repo)
})

const asAo = { Authorization: 'Bearer ghp_secret', Accept: 'application/vnd.github+json', 'X-GitHub-Api-Version': '2022-11-28', 'User-Agent': 'ao-agent-orchestrator/scm-github' }
const get = (path: string, headers: Record<string, string> = {}): Promise<Answered> => throughProxy(place, path.startsWith('https:') ? path : api + path, { headers: { ...asAo, ...headers } })
const graphql = (query: string, variables?: Record<string, unknown>): Promise<Answered> => throughProxy(place, `${api}/graphql`, {
  method: 'POST', headers: { ...asAo, Accept: 'application/json', 'Content-Type': 'application/json' }, body: JSON.stringify({ query, ...(variables && { variables }) }),
})
const json = ({ body }: Answered): unknown => JSON.parse(body)
const without = (name: keyof typeof asAo): Record<string, string> => Object.fromEntries(Object.entries(asAo).filter(([key]) => key !== name))

/** The questions of AO's observer, in its own words as far as GitHub reads them. */
const questions = {
  pulls: (...numbers: number[]) => `query{${numbers.map((number, index) => `pr${index}: repository(owner:"acme",name:"tools"){ pullRequest(number:${number}){
    number url state isDraft merged closed title additions deletions changedFiles mergeable mergeStateStatus reviewDecision headRefName headRefOid baseRefName baseRefOid
    createdAt updatedAt mergedAt closedAt author{ login } mergeCommit{ oid }
    commits(last:1){ nodes{ commit{ oid statusCheckRollup{ state contexts(first:20){ nodes{ __typename
      ... on CheckRun { name status conclusion detailsUrl url databaseId } ... on StatusContext { context state targetUrl }
    } pageInfo{ hasNextPage endCursor } } } } } } } }`).join('\n')}}`,
  contexts: (after: string) => `query{ repo: repository(owner:"acme",name:"tools"){ pullRequest(number:7){ commits(last:1){ nodes{ commit{ statusCheckRollup{ contexts(first:20, after:${JSON.stringify(after)}){
    nodes{ __typename ... on CheckRun { name } ... on StatusContext { context } } pageInfo{ hasNextPage endCursor } } } } } } } } }`,
  threads: (before: string | null) => `query{ repo: repository(owner:"acme",name:"tools"){ pullRequest(number:7){ reviewDecision reviewThreads(last:50, before:${JSON.stringify(before)}){
    nodes{ id isResolved path line comments(first:5){ nodes{ id body url author{ login __typename } } } } pageInfo{ hasPreviousPage startCursor } } } } }`,
}

test('the list of pull requests is filtered, sorted and paged as asked', async () => {
  for (let number = 1; number <= 5; number += 1) await github.setPull({ repo, number, head: `b${number}` })
  await github.setPull({ repo, number: 2, state: 'closed' })
  await github.setPull({ repo, number: 3, state: 'merged' })
  await github.setPull({ repo, number: 1, title: 'changed last' })
  await github.setPull({ repo, number: 6, head: 'b4', headRepo: 'fork/tools' })
  const numbers = async (query: string) => (json(await get(`/repos/${repo}/pulls?${query}`)) as { number: number }[]).map(({ number }) => number)
  expect(await numbers('direction=desc&per_page=1&sort=updated&state=open')).toEqual([6])
  expect(await numbers('direction=desc&page=1&per_page=100&sort=updated&state=open')).toEqual([6, 1, 5, 4])
  expect(await numbers('head=acme%3Ab4&per_page=10&state=open')).toEqual([4])
  expect(await numbers('head=acme%3Ab2&per_page=10&state=open')).toEqual([])
  expect(await numbers('state=all&per_page=2&page=2')).toEqual([4, 3])
  const first = await get(`/repos/${repo}/pulls?state=all&per_page=4`)
  const [, next] = /<([^>]+)>; rel="next"/.exec(String(first.headers.link)) ?? []
  expect((json(await get(next ?? '')) as { number: number }[]).map(({ number }) => number)).toEqual([2, 1])
  expect((json(await get(`/repos/${repo}/pulls?head=acme:b4&state=open`)) as unknown[])[0]).toMatchObject({
    number: 4, state: 'open', draft: false, html_url: `https://github.com/${repo}/pull/4`, head: { ref: 'b4', repo: { full_name: repo } }, base: { ref: 'main' }, user: { login: 'octocat' },
  })
})

test('what did not change is answered with 304 and costs nothing; a change is seen', async () => {
  await github.setToken('ghp_secret', { limit: 10 })
  await github.setPull({ repo, number: 7, checks: [{ name: 'build', state: 'pending' }] })
  const path = `/repos/${repo}/pulls?state=open&sort=updated&direction=desc&per_page=1`
  const first = await get(path)
  const etag = String(first.headers.etag)
  expect(first).toMatchObject({ status: 200, headers: { 'x-ratelimit-limit': '10', 'x-ratelimit-remaining': '9', 'x-oauth-scopes': 'repo' } })
  expect(await get(path, { 'If-None-Match': etag })).toMatchObject({ status: 304, body: '', headers: { etag, 'x-ratelimit-remaining': '9' } })
  await github.setPull({ repo, number: 7, checks: [{ name: 'build', state: 'red' }] })
  expect((await get(path, { 'If-None-Match': etag })).status).toBe(304)
  await github.setPull({ repo, number: 7, title: 'another' })
  expect((await get(path, { 'If-None-Match': etag })).status).toBe(200)
  await github.setEtags(false)
  expect((await get(path, { 'If-None-Match': etag })).headers.etag).toBeUndefined()
})

test('checks of a commit: as REST lists them, in one word, with the log at another host that wants no token', async () => {
  const { sha, checks } = await github.setPull({ repo, number: 7, head: 'ao/x', checks: [{ name: 'build', state: 'red', log }, { name: 'lint', state: 'green' }, { name: 'ci/old', state: 'pending', status: true }] })
  expect(json(await get(`/repos/${repo}/commits/${sha}/check-runs?per_page=1`))).toMatchObject({ total_count: 2, check_runs: [{ name: 'build', status: 'completed', conclusion: 'failure', head_sha: sha }] })
  expect((await get(`/repos/${repo}/commits/${'0'.repeat(40)}/check-runs?per_page=1`)).status).toBe(422)
  const answer = json(await graphql(questions.pulls(7)))
  expect(answer).toMatchObject({ data: { pr0: { pullRequest: {
    number: 7, url: `https://github.com/${repo}/pull/7`, state: 'OPEN', isDraft: false, merged: false, closed: false, mergeable: 'MERGEABLE', mergeStateStatus: 'UNSTABLE', reviewDecision: null,
    headRefName: 'ao/x', headRefOid: sha, baseRefName: 'main', mergedAt: null, author: { login: 'octocat' }, mergeCommit: null,
    commits: { nodes: [{ commit: { oid: sha, statusCheckRollup: { state: 'FAILURE', contexts: { pageInfo: { hasNextPage: false }, nodes: [
      { __typename: 'CheckRun', name: 'build', status: 'COMPLETED', conclusion: 'FAILURE', databaseId: checks[0]?.id }, { __typename: 'CheckRun', name: 'lint', conclusion: 'SUCCESS' },
      { __typename: 'StatusContext', context: 'ci/old', state: 'PENDING' },
    ] } } } }] },
  } } } })
  const moved = await get(`/repos/${repo}/actions/jobs/${checks[0]?.id ?? 0}/logs`)
  expect(moved.status).toBe(302)
  const location = String(moved.headers.location)
  expect(await throughProxy(place, location, { headers: { 'User-Agent': 'x' } })).toMatchObject({ status: 200, body: log })
  const mark = await github.mark()
  expect((await get(location)).status).toBe(401)
  expect((await github.log(mark)).requests[0]?.complaints).toEqual([expect.stringContaining('the token of GitHub')])
  expect((await get(`/repos/${repo}/actions/jobs/1/logs`)).status).toBe(404)
})

test.each([
  { state: 'merged' as const, want: { state: 'MERGED', merged: true, closed: true, mergedAt: expect.any(String) as string, mergeCommit: { oid: expect.any(String) as string } } },
  { state: 'closed' as const, want: { state: 'CLOSED', merged: false, closed: true, mergedAt: null, closedAt: expect.any(String) as string } },
  { draft: true, want: { state: 'OPEN', isDraft: true, mergeStateStatus: 'DRAFT' } },
  { mergeable: 'CONFLICTING' as const, want: { mergeable: 'CONFLICTING', mergeStateStatus: 'DIRTY' } },
  { reviewDecision: 'CHANGES_REQUESTED' as const, want: { reviewDecision: 'CHANGES_REQUESTED', mergeStateStatus: 'BLOCKED' } },
  { checks: [{ name: 'a', state: 'pending' as const }], want: { mergeStateStatus: 'UNSTABLE', commits: { nodes: [{ commit: { statusCheckRollup: { state: 'PENDING' } } }] } } },
  { checks: [{ name: 'a', state: 'cancelled' as const }], want: { commits: { nodes: [{ commit: { statusCheckRollup: { state: 'FAILURE' } } }] } } },
  { checks: [], want: { mergeStateStatus: 'CLEAN', commits: { nodes: [{ commit: { statusCheckRollup: null } }] } } },
])('a pull request that is $want', async ({ want, ...facts }) => {
  await github.setPull({ repo, number: 7, ...facts })
  expect(json(await graphql(questions.pulls(7)))).toMatchObject({ data: { pr0: { pullRequest: want } } })
})

test('a push is a new commit without the checks of the old one', async () => {
  const { sha: before } = await github.setPull({ repo, number: 7, checks: [{ name: 'build', state: 'red' }] })
  const { sha: after } = await github.push({ repo, number: 7 })
  expect(after).not.toBe(before)
  for (const [sha, total_count] of [[before, 1], [after, 0]] as const) expect(json(await get(`/repos/${repo}/commits/${sha}/check-runs`))).toMatchObject({ total_count })
  expect(json(await graphql(questions.pulls(7)))).toMatchObject({ data: { pr0: { pullRequest: { headRefOid: after, commits: { nodes: [{ commit: { oid: after, statusCheckRollup: null } }] } } } } })
})

test('more checks than a page holds are asked for by cursor', async () => {
  await github.setPull({ repo, number: 7, checks: Array.from({ length: 25 }, (_, index) => ({ name: `check ${index}`, state: 'green' as const })) })
  const contexts = (answer: unknown, alias: string) => (answer as { data: Record<string, { pullRequest: { commits: { nodes: { commit: { statusCheckRollup: { contexts: { nodes: { name: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } } } } }[] } } }> }).data[alias]?.pullRequest.commits.nodes[0]?.commit.statusCheckRollup.contexts
  const first = contexts(json(await graphql(questions.pulls(7))), 'pr0')
  const rest = contexts(json(await graphql(questions.contexts(first?.pageInfo.endCursor ?? ''))), 'repo')
  expect([first?.nodes.length, first?.pageInfo.hasNextPage, rest?.nodes.map(({ name }) => name), rest?.pageInfo.hasNextPage]).toEqual([20, true, ['check 20', 'check 21', 'check 22', 'check 23', 'check 24'], false])
  expect((await github.log()).requests.slice(-2).map((request) => request.graphql)).toEqual([{ operation: 'pull-requests', pulls: ['acme/tools#7'] }, { operation: 'check-contexts', pulls: ['acme/tools#7'] }])
})

test('review threads open and resolve, and are paged backwards', async () => {
  await github.setPull({ repo, number: 7, reviewDecision: 'CHANGES_REQUESTED' })
  const id = await github.openThread({ repo, number: 7 }, { path: 'a.ts', line: 3, comments: [{ author: 'ann', body: 'please rename' }, { author: 'lintbot', bot: true, body: 'style' }] })
  const threads = async (before: string | null = null) => (json(await graphql(questions.threads(before))) as { data: { repo: { pullRequest: { reviewDecision: string; reviewThreads: { nodes: { id: string; isResolved: boolean }[]; pageInfo: { hasPreviousPage: boolean; startCursor: string } } } } } }).data.repo.pullRequest
  expect(await threads()).toMatchObject({ reviewDecision: 'CHANGES_REQUESTED', reviewThreads: { nodes: [
    { id, isResolved: false, path: 'a.ts', line: 3, comments: { nodes: [{ body: 'please rename', author: { login: 'ann', __typename: 'User' } }, { author: { login: 'lintbot', __typename: 'Bot' } }] } },
  ], pageInfo: { hasPreviousPage: false } } })
  await github.resolveThread(id)
  expect((await threads()).reviewThreads.nodes[0]?.isResolved).toBe(true)
  for (let index = 0; index < 51; index += 1) await github.openThread({ repo, number: 7 }, { comments: [{ body: `note ${index}` }] })
  const newest = (await threads()).reviewThreads
  expect([newest.nodes.length, newest.pageInfo.hasPreviousPage]).toEqual([50, true])
  expect((await threads(newest.pageInfo.startCursor)).reviewThreads).toMatchObject({ nodes: [{ id }, { isResolved: false }], pageInfo: { hasPreviousPage: false } })
})

test('what is missing is missing as GitHub says it, beside what is there', async () => {
  await github.setPull({ repo, number: 7 })
  expect(json(await graphql(questions.pulls(7, 99)))).toMatchObject({
    data: { pr0: { pullRequest: { number: 7 } }, pr1: { pullRequest: null } }, errors: [{ type: 'NOT_FOUND', path: ['pr1', 'pullRequest'], message: 'Could not resolve to a PullRequest with the number of 99.' }],
  })
  await github.removeRepository(repo)
  expect(json(await graphql(questions.pulls(7)))).toMatchObject({ data: { pr0: null }, errors: [{ type: 'NOT_FOUND', message: "Could not resolve to a Repository with the name 'acme/tools'." }] })
  expect(await get(`/repos/${repo}/pulls`)).toMatchObject({ status: 404, body: expect.stringContaining('"message":"Not Found"') as string })
})

test.each<{ what: string; headers: Record<string, string>; status: number; complaint: string | undefined }>([
  { what: 'no token', headers: without('Authorization'), status: 401, complaint: 'no Authorization' },
  { what: 'a token in words GitHub does not know', headers: { ...asAo, Authorization: 'Basic eDp5' }, status: 401, complaint: 'an Authorization that is neither' },
  { what: 'a token that is not set', headers: { ...asAo, Authorization: 'Bearer other' }, status: 401, complaint: undefined },
  { what: 'the older way to say it', headers: { ...asAo, Authorization: 'token ghp_secret' }, status: 200, complaint: undefined },
  { what: 'no user agent', headers: without('User-Agent'), status: 403, complaint: 'no User-Agent' },
  { what: 'plain text wanted', headers: { ...asAo, Accept: 'text/plain' }, status: 415, complaint: 'Accept: text/plain' },
  { what: 'no Accept', headers: without('Accept'), status: 200, complaint: 'no Accept' },
  { what: 'a version that never was', headers: { ...asAo, 'X-GitHub-Api-Version': '2021-01-01' }, status: 400, complaint: 'X-GitHub-Api-Version' },
])('$what: $status', async ({ headers, status, complaint }) => {
  await github.setToken('ghp_secret')
  expect((await throughProxy(place, `${api}/user`, { headers })).status).toBe(status)
  expect((await github.log()).requests.at(-1)).toMatchObject({ route: 'user', status, complaints: complaint === undefined ? [] : [expect.stringContaining(complaint) as string] })
})

test('a spent budget is refused until it is reset, REST and GraphQL apart', async () => {
  await github.setToken('ghp_secret', { limit: 1 })
  expect([(await get('/user')).status, (await get('/user')).status]).toEqual([200, 403])
  const refused = await get('/user')
  expect(refused).toMatchObject({ headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': expect.any(String) as string }, body: expect.stringContaining('API rate limit exceeded') as string })
  expect(json(await graphql('{ viewer { login } }'))).toEqual({ data: { viewer: { login: 'octocat' } } })
  expect(json(await graphql('{ viewer { login } }'))).toMatchObject({ errors: [{ type: 'RATE_LIMITED' }] })
  await github.setToken('ghp_secret', { limit: 5, remaining: 0, resetInSeconds: 0 })
  expect((await get('/user')).headers['x-ratelimit-remaining']).toBe('4')
})

test.each<{ failure: Failure; want: { status?: number; headers?: Record<string, unknown>; body?: unknown } | 'cut' }>([
  { failure: { route: 'user', kind: 'unauthorized' }, want: { status: 401, body: expect.stringContaining('Bad credentials') } },
  { failure: { route: 'user', kind: 'forbidden' }, want: { status: 403, body: expect.stringContaining('not accessible') } },
  { failure: { route: 'user', kind: 'rate-limited', resetInSeconds: 60 }, want: { status: 403, headers: { 'x-ratelimit-remaining': '0' }, body: expect.stringContaining('rate limit') } },
  { failure: { route: 'user', kind: 'secondary-rate-limit', retryAfterSeconds: 7 }, want: { status: 403, headers: { 'retry-after': '7' } } },
  { failure: { route: 'user', kind: 'not-found' }, want: { status: 404 } },
  { failure: { route: '*', kind: 'server-error', status: 502 }, want: { status: 502 } },
  { failure: { route: 'user', kind: 'html', status: 503 }, want: { status: 503, headers: { 'content-type': expect.stringContaining('html') as string } } },
  { failure: { route: 'user', kind: 'broken-json' }, want: { status: 200, body: '{"data": {"pr0": [' } },
  { failure: { route: 'user', kind: 'slow', delayMs: 1 }, want: { status: 200, body: expect.stringContaining('octocat') } },
  { failure: { route: 'user', kind: 'cut' }, want: 'cut' },
  { failure: { route: 'user', kind: 'cut-in-body' }, want: 'cut' },
])('asked for $failure.kind it fails once, says so in the log, and is well again', async ({ failure, want }) => {
  const mark = await github.mark()
  await github.failOn({ ...failure, times: 1 })
  if (want === 'cut') await expect(get('/user')).rejects.toThrow(/hang up|ECONNRESET|aborted/)
  else expect(await get('/user')).toMatchObject(want)
  const failed = await github.waitForRequest((request) => request.failure === failure.kind, { after: mark, deadlineMs: 20_000, otherwise: () => new Error('no such request') })
  expect(failed.route).toBe('user')
  expect((await get('/user')).status).toBe(200)
})

test('a failure of one repository or pull request leaves the others alone', async () => {
  await github.setRepository('acme/other')
  await github.failOn({ route: 'pulls', kind: 'server-error', only: 'acme/other' })
  await github.setPull({ repo, number: 7 })
  await github.failOn({ route: 'graphql:pull-requests', kind: 'graphql-error', message: 'boom', only: 'acme/tools#7' })
  expect([(await get('/repos/acme/other/pulls')).status, (await get(`/repos/${repo}/pulls`)).status]).toEqual([500, 200])
  expect(json(await graphql(questions.pulls(7)))).toEqual({ data: null, errors: [{ message: 'boom' }] })
  await github.heal('pulls')
  expect((await get('/repos/acme/other/pulls')).status).toBe(200)
})

test.each([
  'https://example.com/', 'https://uploads.github.com/', 'https://api.github.com:8443/', 'https://api.github.com.evil.test/',
])('%s is not reached, and counted', async (url) => {
  await expect(throughProxy(place, url)).rejects.toThrow('403')
  const { hostname, port } = new URL(url)
  expect((await github.log()).refused.at(-1)?.target).toBe(`${hostname}:${port || '443'}`)
})

test('a plain request to the proxy is refused and counted too', async () => {
  expect((await fetch(`${place.proxy}/latest/meta-data`)).status).toBe(403)
  expect((await github.log()).refused.at(-1)?.target).toBe('/latest/meta-data')
})

test('the log on disk holds every request, and no token', () => {
  const written = readFileSync(join(folder, 'requests.jsonl'), 'utf8')
  expect(written).toContain('"kind":"refused"')
  expect(written).toMatch(/"token":"[0-9a-f]{16}"/)
  expect(written).not.toContain('ghp_secret')
})

/** A client that answers the certificate as a Go program does that does not know the authority: alert 42, bad certificate. */
const distrust = (at: GitHubPlace): Promise<void> => new Promise((resolve, reject) => {
  request(at.proxy, { method: 'CONNECT', path: 'api.github.com:443' }).once('error', reject).once('connect', (_, socket) => {
    socket.once('close', resolve).on('error', () => undefined).resume().end(Buffer.from([0x15, 3, 3, 0, 2, 2, 42]))
  }).end()
})

test.each<{ what: string; ask: () => Promise<unknown>; says: RegExp }>([
  { what: 'a path it does not know', ask: () => get('/repos/a/b/branches'), says: /GET https:\/\/api\.github\.com\/repos\/a\/b\/branches/ },
  { what: 'a verb it does not know', ask: () => throughProxy(place, `${api}/user`, { method: 'DELETE', headers: asAo }), says: /DELETE/ },
  { what: 'a field it does not know', ask: () => graphql('{ viewer { bioHTML } }'), says: /bioHTML/ },
  { what: 'the web site', ask: () => get('https://github.com/acme/tools'), says: /https:\/\/github\.com\/acme\/tools/ },
  { what: 'a client that does not trust it', ask: () => distrust(place), says: /certificate/ },
])('$what is our fault to know: no finding counts', async ({ ask, says }) => {
  const mark = await github.mark()
  await github.expectSound(mark)
  await ask()
  await expect.poll(() => github.expectSound(mark).then(() => 'sound', String), { timeout: 20_000 }).toMatch(says)
  await expect(github.expectSound(mark)).rejects.toMatchObject({ verdict: { class: 'harness-bug' } })
})

test('unplugged, every question ends in a verdict against the harness', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'github-'))
  const server = await startServer(directory)
  try {
    const fresh = connectGitHub(server.control, 'requests.jsonl')
    await fresh.setRepository(repo)
    await server.kill()
    const asked: readonly (() => Promise<unknown>)[] = [() => fresh.expectSound(), () => fresh.setPull({ repo, number: 1 }), () => fresh.log(), () => fresh.mark()]
    for (const ask of asked) await expect(ask()).rejects.toSatisfy((error) => error instanceof VerdictError && error.verdict.class === 'harness-bug' && error.verdict.diagnosis.includes('does not answer'))
  } finally {
    await server.kill()
    rmSync(directory, { recursive: true, force: true })
  }
})

test('a command that makes no sense is told in words', async () => {
  await expect(github.setPull({ repo: 'acme/none', number: 1 })).rejects.toThrow('call setRepository first')
  await expect(github.push({ repo, number: 1 })).rejects.toThrow('call setPull first')
  await expect(github.setRepository('acme')).rejects.toThrow('owner/name')
  await expect(github.resolveThread('PRRT_0')).rejects.toThrow('no review thread')
})
