import { setTimeout as delay } from 'node:timers/promises'
import { answerQuery, readQuery } from './graphql.mjs'
import { envelope, findRest, jobLog, logHost } from './rest.mjs'
import { hashOf, shortHash } from './world.mjs'

export const hosts = ['api.github.com', 'github.com', logHost]

/** What GitHub takes as `Accept`, as far as its clients send it. */
const accepted = /^(?:\*\/\*|application\/json|application\/vnd\.github(?:\.v3|\.[\w-]+-preview)?(?:\+json|\.raw\+json|\.full\+json)?)$/
const versions = ['2022-11-28', '2026-03-10']

const secondaryLimit = 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.'

/**
 * Answers one request to a host of GitHub's and writes into `entry` what it was and what became of it.
 * @param entry the request's line in the log
 */
export async function answer(world, entry, request, response) {
  const url = new URL(request.url, `https://${entry.host}`)
  const body = await text(request)
  const asked = know(world, entry, request, url, body)
  entry.route = asked.route
  const failure = world.takeFailure(asked.route, [request.url, ...(entry.graphql?.pulls ?? [])])
  if (failure !== undefined) entry.failure = failure.kind
  if (failure?.kind === 'slow') await delay(failure.delayMs ?? 1000)
  if (failure?.kind === 'cut') {
    entry.status = 0
    request.socket.destroy()
    return
  }
  const result = (failure === undefined || failure.kind === 'slow' ? undefined : failed(world, failure, asked, entry)) ?? refused(world, entry, request, asked) ?? await allowed(world, entry, asked, url)
  send(world, entry, request, response, result)
}

function know(world, entry, request, url, body) {
  if (entry.host === logHost) return { route: 'log-storage', answer: () => jobLog(world, url, request.headers.authorization), anonymous: true }
  if (entry.host === 'github.com') return unknown(entry, 'github.com', { status: 404, text: 'Not Found' })
  if (url.pathname === '/graphql' && request.method === 'POST') {
    const query = readQuery(body)
    entry.graphql = { operation: query.operation, pulls: query.pulls }
    if (query.notJson) return { route: 'graphql', resource: 'graphql', answer: () => envelope(400, 'Problems parsing JSON') }
    if (query.problem !== undefined) {
      entry.unknown = `a query the fake's schema does not know: ${query.problem.map(({ message }) => message).join('; ')}`
      return { route: `graphql:${query.operation}`, resource: 'graphql', answer: () => ({ status: 200, json: { errors: query.problem } }) }
    }
    return { route: `graphql:${query.operation}`, resource: 'graphql', answer: async (token) => ({ status: 200, json: await answerQuery(world, token, query) }) }
  }
  const rest = findRest(world, request.method, url)
  if (rest === undefined) return unknown(entry, 'unknown', envelope(404, 'Not Found'))
  return { route: rest.route, resource: 'core', free: rest.free, answer: (token) => rest.answer(token, url) }
}

function unknown(entry, route, result) {
  entry.unknown = `${entry.method} https://${entry.host}${entry.path} is not among what the fake knows`
  return { route, resource: 'core', answer: () => result }
}

/** What was asked to go wrong. @returns undefined where that is only a matter of when */
function failed(world, { kind, status = 500, message, type, retryAfterSeconds = 60, resetInSeconds = 3600 }, { resource }, entry) {
  const graphql = resource === 'graphql'
  const reset = Math.floor(Date.now() / 1000) + resetInSeconds
  switch (kind) {
    case 'unauthorized': return envelope(401, message ?? 'Bad credentials')
    case 'forbidden': return envelope(403, message ?? 'Resource not accessible by personal access token')
    case 'not-found': return envelope(404, message ?? 'Not Found')
    case 'rate-limited': {
      const limited = message ?? 'API rate limit exceeded for user ID 1.'
      const headers = { 'X-RateLimit-Limit': '5000', 'X-RateLimit-Remaining': '0', 'X-RateLimit-Used': '5000', 'X-RateLimit-Reset': String(reset), 'X-RateLimit-Resource': resource ?? 'core' }
      return graphql ? { status: 200, json: { errors: [{ type: 'RATE_LIMITED', message: limited }] }, headers } : { ...envelope(403, limited, 'https://docs.github.com/rest/overview/rate-limits-for-the-rest-api'), headers }
    }
    case 'secondary-rate-limit': return { ...envelope(403, message ?? secondaryLimit), headers: { 'Retry-After': String(retryAfterSeconds) } }
    case 'server-error': return envelope(status, message ?? 'Server Error')
    case 'broken-json': return { status: 200, text: '{"data": {"pr0": [', headers: { 'Content-Type': 'application/json; charset=utf-8' } }
    case 'html': return { status, text: '<!DOCTYPE html><title>Unicorn! &middot; GitHub</title>', headers: { 'Content-Type': 'text/html; charset=utf-8' } }
    case 'graphql-error': return { status: 200, json: { data: null, errors: [{ ...(type !== undefined && { type }), message: message ?? 'Something went wrong while executing your query.' }] } }
    case 'cut-in-body': return { status: 200, text: '{"data":', cut: true, headers: { 'Content-Type': 'application/json; charset=utf-8' } }
    default:
      entry.complaints.push(`the fake was asked for a failure it does not know: ${kind}`)
      return undefined
  }
}

/** What GitHub itself would refuse, and what a good client does not do although GitHub lets it. */
function refused(world, entry, request, { resource, anonymous }) {
  if (anonymous) return undefined
  const { 'user-agent': agent, accept, authorization, 'x-github-api-version': version } = request.headers
  const complain = (what) => entry.complaints.push(what)
  if (agent === undefined || agent.trim() === '') {
    complain('no User-Agent')
    return { status: 403, text: 'Request forbidden by administrative rules. Please make sure your request has a User-Agent header.' }
  }
  if (resource === 'core' && accept === undefined) complain('no Accept header')
  if (accept !== undefined && !accept.split(',').some((kind) => accepted.test(kind.split(';')[0].trim()))) {
    complain(`Accept: ${accept}`)
    return envelope(415, `Unsupported 'Accept' header: '${accept}'. Must accept 'application/json'.`)
  }
  if (version !== undefined && !versions.includes(version)) {
    complain(`X-GitHub-Api-Version: ${version}`)
    return envelope(400, `Unsupported 'X-GitHub-Api-Version' header: '${version}'.`)
  }
  const [, value] = /^(?:bearer|token) (\S+)$/i.exec(authorization ?? '') ?? []
  if (value === undefined) {
    complain(authorization === undefined ? 'no Authorization' : 'an Authorization that is neither "Bearer" nor "token"')
    return envelope(401, 'Requires authentication')
  }
  entry.token = shortHash(value)
  return world.token(entry.token) === undefined ? envelope(401, 'Bad credentials') : undefined
}

async function allowed(world, entry, asked, url) {
  if (asked.anonymous) {
    const result = asked.answer()
    if (result.complaint !== undefined) entry.complaints.push(result.complaint)
    return result
  }
  const token = world.token(entry.token)
  const limit = token[asked.resource]
  const headers = () => ({
    'X-RateLimit-Limit': String(limit.limit), 'X-RateLimit-Remaining': String(limit.remaining), 'X-RateLimit-Used': String(limit.limit - limit.remaining),
    'X-RateLimit-Reset': String(limit.reset), 'X-RateLimit-Resource': asked.resource, ...(token.scopes.length > 0 && { 'X-OAuth-Scopes': token.scopes.join(', ') }),
  })
  const now = Date.now() / 1000
  if (now >= limit.reset) Object.assign(limit, { remaining: limit.limit, reset: Math.floor(now) + 3600 })
  if (limit.remaining <= 0 && !asked.free) {
    const message = 'API rate limit exceeded for user ID 1.'
    const result = asked.resource === 'graphql' ? { status: 200, json: { errors: [{ type: 'RATE_LIMITED', message }] } } : envelope(403, message)
    return { ...result, headers: headers() }
  }
  const result = await asked.answer(token, url)
  const etag = world.etags && asked.resource === 'core' && result.status === 200 ? `W/"${hashOf(JSON.stringify(result.json))}"` : undefined
  const unchanged = etag !== undefined && (entry.ifNoneMatch ?? '').split(',').some((given) => given.trim().replace(/^W\//, '') === etag.replace(/^W\//, ''))
  // What did not change costs nothing.
  if (!unchanged && !asked.free) limit.remaining -= 1
  return { ...result, ...(unchanged && { status: 304, json: undefined, text: '' }), headers: { ...headers(), ...result.headers, ...(etag !== undefined && { ETag: etag }) } }
}

function send(world, entry, request, response, { status, json, text: plain, headers = {}, cut }) {
  entry.status = status
  if (headers.ETag !== undefined) entry.etag = headers.ETag
  const body = json === undefined ? (plain ?? '') : JSON.stringify(json)
  response.writeHead(status, {
    Server: 'github.com', 'X-GitHub-Request-Id': `FA4E:${entry.seq}`, ...(status !== 304 && { 'Content-Type': json === undefined ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8' }),
    ...(json !== undefined && entry.host === 'api.github.com' && { 'X-GitHub-Media-Type': 'github.v3; format=json' }), ...(cut && { 'Content-Length': '4096' }), ...headers,
  })
  if (cut) response.write(body, () => { request.socket.destroy() })
  else response.end(request.method === 'HEAD' ? undefined : body)
}

async function text(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString()
}
