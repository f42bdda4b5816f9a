import { GraphQLError, buildSchema } from 'graphql'
import { baseShaOf, mergeStateOf, outcomeOf, rollupOf, shaOf, urlOf } from './world.mjs'

/** The part of GitHub's public schema that is served: names and nullability are GitHub's. What is not here is counted as unknown. */
const schema = buildSchema(`
  scalar URI
  scalar DateTime
  scalar GitObjectID
  "GitHub says Int, and answers with more than 32 bits"
  scalar LargeInt

  type Query { repository(owner: String!, name: String!, followRenames: Boolean = true): Repository viewer: User! rateLimit: RateLimit }
  type RateLimit { limit: Int! remaining: Int! used: Int! cost: Int! resetAt: DateTime! }
  interface Actor { login: String! url: URI! }
  type User implements Actor { login: String! url: URI! }
  type Bot implements Actor { login: String! url: URI! }
  type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }

  type Repository { id: ID! name: String! nameWithOwner: String! url: URI! isPrivate: Boolean! pullRequest(number: Int!): PullRequest }
  enum PullRequestState { OPEN CLOSED MERGED }
  enum MergeableState { MERGEABLE CONFLICTING UNKNOWN }
  enum MergeStateStatus { BEHIND BLOCKED CLEAN DIRTY DRAFT HAS_HOOKS UNKNOWN UNSTABLE }
  enum PullRequestReviewDecision { APPROVED CHANGES_REQUESTED REVIEW_REQUIRED }
  type PullRequest {
    id: ID! number: Int! url: URI! title: String! body: String! state: PullRequestState! isDraft: Boolean! merged: Boolean! closed: Boolean!
    additions: Int! deletions: Int! changedFiles: Int! mergeable: MergeableState! mergeStateStatus: MergeStateStatus! reviewDecision: PullRequestReviewDecision
    headRefName: String! headRefOid: GitObjectID! baseRefName: String! baseRefOid: GitObjectID! isCrossRepository: Boolean! headRepository: Repository
    createdAt: DateTime! updatedAt: DateTime! mergedAt: DateTime closedAt: DateTime author: Actor mergeCommit: Commit
    commits(first: Int, last: Int, after: String, before: String): PullRequestCommitConnection!
    reviewThreads(first: Int, last: Int, after: String, before: String): PullRequestReviewThreadConnection!
  }
  type PullRequestCommitConnection { totalCount: Int! nodes: [PullRequestCommit] pageInfo: PageInfo! }
  type PullRequestCommit { id: ID! commit: Commit! }
  type Commit { oid: GitObjectID! statusCheckRollup: StatusCheckRollup }
  enum StatusState { ERROR EXPECTED FAILURE PENDING SUCCESS }
  type StatusCheckRollup { id: ID! state: StatusState! contexts(first: Int, last: Int, after: String, before: String): StatusCheckRollupContextConnection! }
  type StatusCheckRollupContextConnection { totalCount: Int! nodes: [StatusCheckRollupContext] pageInfo: PageInfo! }
  union StatusCheckRollupContext = CheckRun | StatusContext
  enum CheckStatusState { COMPLETED IN_PROGRESS PENDING QUEUED REQUESTED WAITING }
  enum CheckConclusionState { ACTION_REQUIRED CANCELLED FAILURE NEUTRAL SKIPPED STALE STARTUP_FAILURE SUCCESS TIMED_OUT }
  type CheckRun { id: ID! databaseId: LargeInt name: String! status: CheckStatusState! conclusion: CheckConclusionState detailsUrl: URI url: URI! startedAt: DateTime completedAt: DateTime }
  type StatusContext { id: ID! context: String! state: StatusState! targetUrl: URI description: String createdAt: DateTime! }
  type PullRequestReviewThreadConnection { totalCount: Int! nodes: [PullRequestReviewThread] pageInfo: PageInfo! }
  type PullRequestReviewThread {
    id: ID! isResolved: Boolean! isOutdated: Boolean! path: String! line: Int
    comments(first: Int, last: Int, after: String, before: String): PullRequestReviewCommentConnection!
  }
  type PullRequestReviewCommentConnection { totalCount: Int! nodes: [PullRequestReviewComment] pageInfo: PageInfo! }
  type PullRequestReviewComment { id: ID! body: String! url: URI! path: String! line: Int author: Actor }
`)

export { schema }

const missing = (message) => new GraphQLError(message, { extensions: { type: 'NOT_FOUND' } })

/** The nodes between two cursors, as GitHub's connections cut them. A cursor is a position in the whole list. */
function connection(name, nodes, given) {
  // GitHub reads null as not given.
  const { first, last, after, before } = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== null))
  if (first === undefined && last === undefined) throw new GraphQLError(`You must provide a \`first\` or \`last\` value to properly paginate the \`${name}\` connection.`, { extensions: { type: 'MISSING_PAGINATION_BOUNDARIES' } })
  if ((first ?? last) > 100) throw new GraphQLError(`Requesting ${first ?? last} records on the \`${name}\` connection exceeds the \`${first === undefined ? 'last' : 'first'}\` limit of 100 records.`, { extensions: { type: 'EXCESSIVE_PAGINATION' } })
  const cursor = (index) => Buffer.from(`cursor:${index}`).toString('base64')
  const position = (text) => {
    const [, index] = /^cursor:(\d+)$/.exec(Buffer.from(text, 'base64').toString()) ?? []
    if (index === undefined) throw new GraphQLError(`\`${text}\` does not appear to be a valid cursor.`, { extensions: { type: 'INVALID_CURSOR_ARGUMENTS' } })
    return Number(index)
  }
  let from = after === undefined ? 0 : position(after) + 1
  let to = before === undefined ? nodes.length : position(before)
  if (first !== undefined) to = Math.min(to, from + first)
  if (last !== undefined) from = Math.max(from, to - last)
  const cut = nodes.slice(from, to)
  return {
    totalCount: nodes.length, nodes: cut,
    pageInfo: { hasPreviousPage: from > 0, hasNextPage: to < nodes.length, startCursor: cut.length > 0 ? cursor(from) : null, endCursor: cut.length > 0 ? cursor(to - 1) : null },
  }
}

const actor = (login, bot = false) => ({ __typename: bot ? 'Bot' : 'User', login, url: `https://github.com/${login}` })

function context(pull, check) {
  const { status, conclusion } = outcomeOf(check)
  const url = `https://github.com/${pull.repository.fullName}/actions/runs/${check.id}/job/${check.id}`
  if (check.status) return { __typename: 'StatusContext', id: `SC_${check.id}`, context: check.name, state: conclusion ?? 'PENDING', targetUrl: url, description: null, createdAt: check.startedAt }
  return { __typename: 'CheckRun', id: `CR_${check.id}`, databaseId: check.id, name: check.name, status, conclusion, detailsUrl: url, url, startedAt: check.startedAt, completedAt: check.completedAt }
}

function thread({ id, pull, path, line, resolved, comments }) {
  const nodes = comments.map((comment) => ({ id: comment.id, body: comment.body, url: `${urlOf(pull)}#discussion_r${comment.number}`, path, line, author: actor(comment.author, comment.bot) }))
  return { id, isResolved: resolved, isOutdated: false, path, line, comments: (args) => connection('comments', nodes, args) }
}

function commit(pull) {
  const state = rollupOf(pull)
  const contexts = pull.checks.map((check) => context(pull, check))
  return { oid: shaOf(pull), statusCheckRollup: state === null ? null : { id: `SCR_${pull.id}`, state, contexts: (args) => connection('contexts', contexts, args) } }
}

function pullRequest(pull) {
  return {
    id: `PR_${pull.id}`, number: pull.number, url: urlOf(pull), title: pull.title, body: '', state: pull.state.toUpperCase(), isDraft: pull.draft, merged: pull.state === 'merged', closed: pull.state !== 'open',
    additions: pull.additions, deletions: pull.deletions, changedFiles: pull.changedFiles, mergeable: pull.state === 'open' ? pull.mergeable : 'UNKNOWN', mergeStateStatus: mergeStateOf(pull), reviewDecision: pull.reviewDecision,
    headRefName: pull.head, headRefOid: shaOf(pull), baseRefName: pull.base, baseRefOid: baseShaOf(pull), isCrossRepository: pull.headRepo !== pull.repository.fullName, headRepository: pull.headRepo === pull.repository.fullName ? repository(pull.repository) : null,
    createdAt: pull.createdAt, updatedAt: pull.updatedAt, mergedAt: pull.mergedAt, closedAt: pull.closedAt, author: actor(pull.author),
    mergeCommit: pull.state === 'merged' ? { oid: baseShaOf(pull), statusCheckRollup: null } : null,
    commits: (args) => connection('commits', [{ id: `PRC_${pull.id}`, commit: commit(pull) }], args),
    reviewThreads: (args) => connection('reviewThreads', pull.threads.map(thread), args),
  }
}

function repository(found) {
  return {
    id: `R_${found.id}`, name: found.fullName.split('/')[1], nameWithOwner: found.fullName, url: `https://github.com/${found.fullName}`, isPrivate: found.isPrivate,
    pullRequest: ({ number }) => {
      const pull = found.pulls.get(number)
      if (pull === undefined) throw missing(`Could not resolve to a PullRequest with the number of ${number}.`)
      return pullRequest(pull)
    },
  }
}

/** What a query starts from, for the owner of `token`. */
export const rootOf = (world, token) => ({
  viewer: () => actor(token.login),
  rateLimit: () => ({ limit: token.graphql.limit, remaining: token.graphql.remaining, used: token.graphql.limit - token.graphql.remaining, cost: 1, resetAt: new Date(token.graphql.reset * 1000).toISOString() }),
  repository: ({ owner, name }) => {
    const found = world.repository(`${owner}/${name}`)
    if (found === undefined) throw missing(`Could not resolve to a Repository with the name '${owner}/${name}'.`)
    return repository(found)
  },
})
