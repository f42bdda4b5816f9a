import { createHash } from 'node:crypto'
import { z } from 'zod'
import { fail, type VerdictError } from '../../../harness/verdict.ts'
import { waitFor } from '../../../helpers/wait-for.ts'

const request = z.object({
  seq: z.number(),
  at: z.string(),
  host: z.string(),
  method: z.string(),
  path: z.string(),
  /** What was asked for, by the fake's own names: `pulls`, `check-runs`, `graphql:review-threads`; `unknown` otherwise. */
  route: z.string().optional(),
  /** The first 16 hex digits of the token's SHA-256; the token itself is kept nowhere. */
  token: z.string().optional(),
  userAgent: z.string().optional(),
  accept: z.string().optional(),
  apiVersion: z.string().optional(),
  ifNoneMatch: z.string().optional(),
  etag: z.string().optional(),
  graphql: z.object({ operation: z.string(), pulls: z.array(z.string()) }).optional(),
  /** 0: the connection was cut; nothing yet: it is still being answered. */
  status: z.number().optional(),
  /** The failure that was asked for and happened here. */
  failure: z.string().optional(),
  /** What GitHub would not have taken, or a good client does not do. */
  complaints: z.array(z.string()),
  /** Why the fake could not know what GitHub answers here. */
  unknown: z.string().optional(),
  /** The fake itself failed. */
  fault: z.string().optional(),
})
export type GitHubRequest = z.infer<typeof request>

const log = z.object({
  requests: z.array(request),
  /** Where somebody wanted to go who may only reach GitHub, as host:port. */
  refused: z.array(z.object({ seq: z.number(), at: z.string(), target: z.string() })),
  /** Clients that did not take the run's certificate. */
  tlsErrors: z.array(z.object({ seq: z.number(), at: z.string(), message: z.string() })),
})
type GitHubLog = z.infer<typeof log>

const pullView = z.object({
  repo: z.string(), number: z.number(), url: z.string(), head: z.string(), sha: z.string(),
  checks: z.array(z.object({ id: z.number(), name: z.string() })),
})
/** A pull request as its commands answer: where it is, and the commit and checks it has now. */
type PullView = z.infer<typeof pullView>

interface PullRef {
  /** `owner/name` */
  readonly repo: string
  readonly number: number
}

export interface Check {
  readonly name: string
  readonly state: 'red' | 'green' | 'pending' | 'queued' | 'cancelled' | 'timed_out' | 'action_required' | 'startup_failure' | 'skipped' | 'neutral' | 'stale'
  /** What its job printed; without one GitHub answers 404 for the log. */
  readonly log?: string
  /** A commit status of the older kind, which has no job and no log. */
  readonly status?: boolean
}

export interface PullFacts {
  readonly title: string
  readonly author: string
  /** The head branch. */
  readonly head: string
  /** `owner/name` of where the head branch is: a fork's, or the repository's own. */
  readonly headRepo: string
  readonly base: string
  readonly state: 'open' | 'closed' | 'merged'
  readonly draft: boolean
  readonly mergeable: 'MERGEABLE' | 'CONFLICTING' | 'UNKNOWN'
  /** What GitHub would derive from the rest, unless given. */
  readonly mergeStateStatus: 'BEHIND' | 'BLOCKED' | 'CLEAN' | 'DIRTY' | 'DRAFT' | 'HAS_HOOKS' | 'UNKNOWN' | 'UNSTABLE'
  readonly reviewDecision: 'APPROVED' | 'CHANGES_REQUESTED' | 'REVIEW_REQUIRED' | null
  readonly checks: readonly Check[]
}

export type Failure = {
  /** A route's name as the log says it, or `*`. */
  readonly route: string
  /** Only where the path, or a pull request `owner/name#n` in the query, contains this. */
  readonly only?: string
  /** How often; until healed otherwise. */
  readonly times?: number
  readonly message?: string
} & (
  | { readonly kind: 'unauthorized' | 'forbidden' | 'not-found' | 'broken-json' | 'cut' | 'cut-in-body' }
  | { readonly kind: 'rate-limited'; readonly resetInSeconds?: number }
  | { readonly kind: 'secondary-rate-limit'; readonly retryAfterSeconds?: number }
  | { readonly kind: 'server-error' | 'html'; readonly status?: 500 | 502 | 503 | 504 }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'graphql-error'; readonly type?: string }
)

interface Token {
  readonly login?: string
  readonly scopes?: readonly string[]
  readonly limit?: number
  readonly remaining?: number
  readonly resetInSeconds?: number
}

export type GitHub = ReturnType<typeof connectGitHub>

/**
 * The control of a fake GitHub, by the address it printed. Every command throws a verdict against clone-smoke, never
 * against the program under test, when the fake does not answer or refuses.
 * @param requests the file where what it was asked is, as a verdict names it
 */
export function connectGitHub(control: string, requests: string) {
  const ownFault = (diagnosis: string, cause?: unknown): VerdictError =>
    fail('harness-bug', diagnosis, { evidence: [requests], remedy: `look at ${requests} in the results; what the lane found about AO meanwhile does not count`, cause })
  const command = async (name: string, ...args: readonly unknown[]): Promise<unknown> => {
    let answer: Response
    try {
      answer = await fetch(`${control}/${name}`, { method: 'POST', body: JSON.stringify(args), signal: AbortSignal.timeout(10_000) })
    } catch (cause) {
      throw ownFault(`the fake GitHub does not answer at ${control}: ${cause instanceof Error ? describe(cause) : String(cause)}`, cause)
    }
    const reply = z.object({ value: z.unknown().optional(), error: z.string().optional() }).parse(await answer.json())
    if (!answer.ok) throw ownFault(`the fake GitHub refused ${name}(${args.map((arg) => JSON.stringify(arg)).join(', ')}): ${reply.error ?? `HTTP ${answer.status}`}`)
    return reply.value
  }
  const done = async (name: string, ...args: readonly unknown[]): Promise<void> => { await command(name, ...args) }
  const readLog = async (after = 0): Promise<GitHubLog> => log.parse(await command('log', after))
  const view = async (name: string, ...args: readonly unknown[]): Promise<PullView> => pullView.parse(await command(name, ...args))

  return {
    control,
    /** @param fullName `owner/name` */
    setRepository: (fullName: string, facts: { defaultBranch?: string; isPrivate?: boolean } = {}) => done('setRepository', fullName, facts),
    /** As if it were deleted, or the token had lost its access. */
    removeRepository: (fullName: string) => done('removeRepository', fullName),
    /** Makes a pull request, or changes what is given of it. */
    setPull: (pull: PullRef & Partial<PullFacts>) => view('setPull', pull),
    removePull: (ref: PullRef) => done('removePull', ref),
    /** A new commit on its branch, with these checks alone. */
    push: (ref: PullRef, checks: readonly Check[] = []) => view('push', ref, checks),
    /** @returns the thread's id */
    openThread: async (ref: PullRef, thread: { path?: string; line?: number; comments: readonly { author?: string; bot?: boolean; body: string }[] }) =>
      z.string().parse(await command('openThread', ref, thread)),
    resolveThread: (id: string, resolved = true) => done('resolveThread', id, resolved),
    /** Only the tokens set are good from now on; while none is, every token is. */
    setToken: (token: string, facts: Token = {}) => done('setToken', token, facts),
    forgetTokens: () => done('forgetTokens'),
    /** Whether lists carry an ETag, and 304 is answered to it. */
    setEtags: (on: boolean) => done('setEtags', on),
    failOn: (failure: Failure) => done('failOn', failure),
    /** Without a route: nothing fails any more. */
    heal: (route?: string) => (route === undefined ? done('heal') : done('heal', route)),
    /** What was asked and refused so far; what came after the mark `after` alone. */
    log: readLog,
    /** Until here: what comes later is what was asked from here on. */
    mark: async () => z.number().parse(await command('mark')),
    /**
     * Waits until a request after `after` was answered that `wanted` is true of.
     * @param deadlineMs milliseconds
     * @param otherwise the error when none came, from what came instead
     */
    waitForRequest: (wanted: (request: GitHubRequest) => boolean, { after = 0, deadlineMs, otherwise }: { after?: number; deadlineMs: number; otherwise: (came: GitHubLog) => Error }) => {
      let came: GitHubLog = { requests: [], refused: [], tlsErrors: [] }
      return waitFor(async () => {
        came = await readLog(after)
        return came.requests.find((each) => each.status !== undefined && wanted(each))
      }, { deadlineMs, everyMs: 100, otherwise: () => otherwise(came) })
    },
    /**
     * What makes it unsafe to blame the program under test for anything about GitHub: the fake is gone or failed, was
     * asked for what it does not know, or its certificate was not taken.
     * @throws VerdictError of clone-smoke's own
     */
    expectSound: async (after = 0): Promise<void> => {
      const { requests, tlsErrors } = await readLog(after)
      const wrong = [
        ...tlsErrors.map(({ message }) => `a client did not take the run's certificate: ${message}`),
        ...requests.flatMap(({ unknown, fault }) => [...(unknown === undefined ? [] : [unknown]), ...(fault === undefined ? [] : [`the fake failed: ${fault}`])]),
        ...requests.flatMap(({ complaints }) => complaints.filter((complaint) => complaint.startsWith('the fake '))),
      ]
      if (wrong.length > 0) throw ownFault(`the fake GitHub cannot be trusted in this run: ${[...new Set(wrong)].join('; ')}`)
    },
  }
}

/** How the log calls a token. */
export const tokenHash = (token: string): string => createHash('sha256').update(token).digest('hex').slice(0, 16)

/** One line for a request, as evidence: `GET /repos/a/b/pulls?.. -> 200`. */
export function describeRequest({ method, path, graphql, status, failure }: GitHubRequest): string {
  return `${method} ${graphql === undefined ? path : `/graphql ${graphql.operation} of ${graphql.pulls.join(', ')}`} -> ${status ?? 'no answer yet'}${failure === undefined ? '' : ` (as asked: ${failure})`}`
}

function describe(error: Error): string {
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
}
