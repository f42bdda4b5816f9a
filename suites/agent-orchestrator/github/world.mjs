import { createHash } from 'node:crypto'

export const hashOf = (text) => createHash('sha256').update(text).digest('hex')

/** How a token is told apart without being known. */
export const shortHash = (token) => hashOf(token).slice(0, 16)

/** What a person did wrong in a command to the fake; told back in words. */
export class BadCommand extends Error {}

const failedConclusions = ['FAILURE', 'TIMED_OUT', 'CANCELLED', 'ACTION_REQUIRED', 'STARTUP_FAILURE']

/**
 * What is true on this GitHub: repositories, pull requests with their checks and review threads, tokens and limits, and
 * what is to fail. Commands change it, answers read it.
 */
export class World {
  #repositories = new Map()
  #tokens = new Map()
  #failures = []
  #lastTime = 0
  #nextId = 41_000_000_000
  etags = true

  /** Now, to the second as GitHub tells it, and never the same twice: a change is always visible as one. */
  time() {
    this.#lastTime = Math.max(Math.floor(Date.now() / 1000), this.#lastTime + 1)
    return new Date(this.#lastTime * 1000).toISOString().replace('.000Z', 'Z')
  }

  // Larger than 32 bits, as GitHub's are.
  #id() { return ++this.#nextId }

  setRepository(fullName, { defaultBranch = 'main', isPrivate = true } = {}) {
    if (!/^[\w.-]+\/[\w.-]+$/.test(fullName)) throw new BadCommand(`a repository is named owner/name, not ${JSON.stringify(fullName)}`)
    const known = this.#repositories.get(fullName.toLowerCase())
    this.#repositories.set(fullName.toLowerCase(), { id: known?.id ?? this.#id(), fullName, defaultBranch, isPrivate, pulls: known?.pulls ?? new Map() })
  }

  /** As if it were deleted, or the token had lost its access: GitHub answers both alike. */
  removeRepository(fullName) { this.#repositories.delete(fullName.toLowerCase()) }

  repository(fullName) { return this.#repositories.get(fullName.toLowerCase()) }

  repositoryById(id) { return [...this.#repositories.values()].find((repository) => repository.id === id) }

  repositories() { return [...this.#repositories.values()] }

  #pull({ repo, number }) {
    const repository = this.repository(repo)
    if (repository === undefined) throw new BadCommand(`repository ${repo} is not set; call setRepository first`)
    return { repository, pull: repository.pulls.get(number) }
  }

  /** Makes a pull request or changes what is given of it; what is left out stays. */
  setPull({ repo, number, ...given }) {
    const { repository, pull: before } = this.#pull({ repo, number })
    const now = this.time()
    const pull = before ?? {
      repository, number, id: this.#id(), revision: 1, title: `Pull request ${number}`, author: 'octocat', head: `branch-${number}`, headRepo: repository.fullName,
      base: repository.defaultBranch, state: 'open', draft: false, mergeable: 'MERGEABLE', reviewDecision: null, checks: [], older: [], threads: [],
      additions: 3, deletions: 1, changedFiles: 1, createdAt: now, updatedAt: now, closedAt: null, mergedAt: null,
    }
    const { checks, ...facts } = given
    Object.assign(pull, facts)
    if (checks !== undefined) this.#setChecks(pull, checks)
    pull.mergedAt = pull.state === 'merged' ? (pull.mergedAt ?? now) : null
    pull.closedAt = pull.state === 'open' ? null : (pull.closedAt ?? now)
    // A check that ends does not touch the pull request, on GitHub neither.
    if (before === undefined || Object.keys(facts).length > 0) pull.updatedAt = now
    repository.pulls.set(number, pull)
    return this.#view(pull)
  }

  removePull(ref) { this.#pull(ref).repository.pulls.delete(ref.number) }

  /** A new commit on the head branch: its checks are those given, none otherwise. */
  push(ref, checks = []) {
    const pull = this.#existing(ref)
    pull.older.push({ sha: shaOf(pull), checks: pull.checks })
    pull.revision += 1
    pull.checks = []
    this.#setChecks(pull, checks)
    pull.updatedAt = this.time()
    return this.#view(pull)
  }

  openThread(ref, { path = 'README.md', line = 1, comments }) {
    const pull = this.#existing(ref)
    const thread = { id: `PRRT_${this.#id()}`, pull, path, line, resolved: false, comments: comments.map(({ author = 'reviewer', bot = false, body }) => ({ id: `PRRC_${this.#id()}`, number: this.#id(), author, bot, body })) }
    pull.threads.push(thread)
    pull.updatedAt = this.time()
    return thread.id
  }

  resolveThread(id, resolved = true) {
    const thread = this.repositories().flatMap(({ pulls }) => [...pulls.values()]).flatMap(({ threads }) => threads).find((each) => each.id === id)
    if (thread === undefined) throw new BadCommand(`no review thread ${id}`)
    thread.resolved = resolved
  }

  #existing(ref) {
    const { pull } = this.#pull(ref)
    if (pull === undefined) throw new BadCommand(`pull request ${ref.repo}#${ref.number} is not set; call setPull first`)
    return pull
  }

  #setChecks(pull, checks) {
    const now = this.time()
    pull.checks = checks.map(({ name, state, log, status = false }) => {
      const before = pull.checks.find((check) => check.name === name)
      const started = before?.startedAt ?? now
      return { id: before?.id ?? this.#id(), name, state, log, status, startedAt: started, completedAt: state === 'pending' ? null : now }
    })
  }

  #view(pull) { return { repo: pull.repository.fullName, number: pull.number, url: urlOf(pull), head: pull.head, sha: shaOf(pull), checks: pull.checks.map(({ id, name }) => ({ id, name })) } }

  #commits() {
    return this.repositories().flatMap(({ pulls }) => [...pulls.values()]).flatMap((pull) => [{ pull, sha: shaOf(pull), checks: pull.checks }, ...pull.older.map((commit) => ({ pull, ...commit }))])
  }

  /** A commit that is, or was, the head of a pull request, with its checks. */
  commit(repository, sha) { return this.#commits().find((commit) => commit.pull.repository === repository && commit.sha === sha) }

  check(id) { return this.#commits().flatMap(({ pull, checks }) => checks.map((check) => ({ pull, check }))).find(({ check }) => check.id === id) }

  /** Only these tokens are good from now on; while none is set, every token is. */
  setToken(token, { login = 'octocat', scopes = ['repo'], limit = 5000, remaining = limit, resetInSeconds = 3600 } = {}) {
    for (const [hash, { set }] of this.#tokens) if (!set) this.#tokens.delete(hash)
    const budget = { limit, remaining, reset: Math.floor(Date.now() / 1000) + resetInSeconds }
    this.#tokens.set(shortHash(token), { login, scopes, core: { ...budget }, graphql: { ...budget }, set: true })
  }

  /** What a token is allowed, by its short hash. @returns undefined when GitHub would not accept it */
  token(hash) {
    const known = this.#tokens.get(hash)
    if (known !== undefined || [...this.#tokens.values()].some(({ set }) => set)) return known
    const reset = Math.floor(Date.now() / 1000) + 3600
    const any = { login: 'octocat', scopes: ['repo'], core: { limit: 5000, remaining: 5000, reset }, graphql: { limit: 5000, remaining: 5000, reset }, set: false }
    this.#tokens.set(hash, any)
    return any
  }

  forgetTokens() { this.#tokens.clear() }

  setEtags(on) { this.etags = on }

  /** From now on `failure.route` fails, `times` times or until healed. The newest failure that fits is taken. */
  failOn(failure) { this.#failures.unshift({ times: Infinity, ...failure }) }

  heal(route) { this.#failures = route === undefined ? [] : this.#failures.filter((failure) => failure.route !== route) }

  /** The failure for a request, which it uses up. */
  takeFailure(route, about) {
    const failure = this.#failures.find((each) => each.times > 0 && (each.route === '*' || each.route === route) && (each.only === undefined || about.some((text) => text.includes(each.only))))
    if (failure !== undefined) failure.times -= 1
    return failure
  }
}

export const urlOf = (pull) => `https://github.com/${pull.repository.fullName}/pull/${pull.number}`

export const shaOf = (pull) => hashOf(`${pull.repository.fullName}#${pull.number} ${pull.revision}`).slice(0, 40)

export const baseShaOf = (pull) => hashOf(`${pull.repository.fullName} ${pull.base}`).slice(0, 40)

/** `state` of a check as GitHub says it: how far it is, and how it ended. */
export function outcomeOf({ state }) {
  if (state === 'pending') return { status: 'IN_PROGRESS', conclusion: null }
  if (state === 'queued') return { status: 'QUEUED', conclusion: null }
  return { status: 'COMPLETED', conclusion: { red: 'FAILURE', green: 'SUCCESS' }[state] ?? state.toUpperCase() }
}

/** All checks of a commit in one word; null when there are none. */
export function rollupOf({ checks }) {
  if (checks.length === 0) return null
  const outcomes = checks.map(outcomeOf)
  if (outcomes.some(({ conclusion }) => failedConclusions.includes(conclusion))) return 'FAILURE'
  return outcomes.some(({ conclusion }) => conclusion === null) ? 'PENDING' : 'SUCCESS'
}

/** Whether it may be merged, as far as it follows from the rest; `pull.mergeStateStatus` overrules. */
export function mergeStateOf(pull) {
  if (pull.mergeStateStatus !== undefined) return pull.mergeStateStatus
  if (pull.state !== 'open' || pull.mergeable === 'UNKNOWN') return 'UNKNOWN'
  if (pull.mergeable === 'CONFLICTING') return 'DIRTY'
  if (pull.draft) return 'DRAFT'
  if (pull.reviewDecision === 'CHANGES_REQUESTED' || pull.reviewDecision === 'REVIEW_REQUIRED') return 'BLOCKED'
  return rollupOf(pull) === 'FAILURE' || rollupOf(pull) === 'PENDING' ? 'UNSTABLE' : 'CLEAN'
}
