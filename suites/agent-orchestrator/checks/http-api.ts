import { refuses } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import type { World } from '../world.ts'

/** The runbook's table (section 11): verb and path. */
const promisedRoutes = [
  'GET //healthz', 'GET //readyz', 'GET /openapi.yaml', 'GET /projects', 'POST /projects', 'GET /projects/{}', 'DELETE /projects/{}', 'GET /sessions', 'POST /sessions', 'POST /sessions/cleanup',
  'GET /sessions/{}', 'PATCH /sessions/{}', 'GET /sessions/{}/pr', 'POST /sessions/{}/pr/claim', 'POST /sessions/{}/restore', 'POST /sessions/{}/kill', 'POST /sessions/{}/send', 'POST /sessions/{}/activity',
  'GET /orchestrators', 'POST /orchestrators', 'GET /orchestrators/{}', 'POST /prs/{}/merge', 'POST /prs/{}/resolve-comments',
] as const

/** Ids that no project or session has, and that a careless program takes for something else. */
const oddIds = ['..', '.', '../../etc/passwd', 'a b', 'ä', '%00', '%2e%2e', "'; drop table sessions; --", 'x'.repeat(3000), 'ws-1\u0000', '-1', 'null', '*'] as const

const bodies: Readonly<Record<string, { readonly raw: string }>> = {
  'half of JSON': { raw: '{"a":' }, 'no body': { raw: '' }, 'an array': { raw: '[]' }, 'a text': { raw: '"x"' }, null: { raw: 'null' }, 'two objects': { raw: '{}{}' }, 'deep nesting': { raw: `${'['.repeat(20_000)}${']'.repeat(20_000)}` },
  'numbers for texts': { raw: '{"projectId":1,"path":1,"message":1,"state":1,"displayName":1,"pr":1}' },
}

const verbs = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const
const split = (route: string): [string, string] => [route.slice(0, route.indexOf(' ')), route.slice(route.indexOf(' ') + 1)]

/** All routes that this daemon says it has: the runbook's and those of its own OpenAPI text. */
const routesOf = (world: World): string[] => [...new Set([...promisedRoutes, ...world.can.routes.map((route) => route.replace('/api/v1', ''))])].filter((route) => !/\/events|\/stream|\/files\/|\/import|\/notifications/.test(route))

export const httpChecks: AoChecks = {
  '11 every promised route is there': aoCheck(40, async (exam, world) => {
    await world.worker(exam)
    for (const route of promisedRoutes) {
      const [verb, path] = split(route)
      await exam.one(async () => {
        const answer = await exam.api(verb, path, ['nobody-1'], verb === 'GET' ? {} : { raw: '{' })
        exam.expect(answer.body.code !== 'ROUTE_NOT_FOUND' && answer.body.code !== 'METHOD_NOT_ALLOWED', `missing ${route}`, `${route} is accepted`, answer.shown)
        exam.expect(answer.status !== 501, `not-implemented ${route}`, `${route} does what its name says`, answer.shown, 'low')
      })
    }
    const mux = await exam.api('GET', '//mux', [])
    exam.expect(mux.status !== 404 && mux.status < 500, 'mux', '/mux is there for WebSockets', mux.shown)
  }),
  '11 /mux opens a WebSocket, and not to a web page': aoCheck(20, async (exam) => {
    const own = await exam.webSocket()
    exam.expect(own === 101, 'mux-websocket', '/mux answers a WebSocket with 101', `GET /mux as a WebSocket -> ${own}`)
    const foreign = await exam.webSocket({ Origin: 'https://evil.example' })
    exam.expect(foreign === 403, 'mux-origin', 'a page of another origin gets no terminal: its WebSocket is refused', `GET /mux as a WebSocket, with Origin: https://evil.example -> ${foreign}`)
  }),
  '11 the OpenAPI text has the same routes': aoCheck(20, async (exam, world) => {
    const { text, headers } = await exam.api('GET', '/openapi.yaml')
    exam.expect(String(headers['content-type']).includes('yaml'), 'openapi-type', 'it is YAML', String(headers['content-type']), 'low')
    exam.expect(text.includes('openapi:'), 'openapi', 'it is an OpenAPI text', text.slice(0, 200))
    for (const route of promisedRoutes.filter((one) => !one.includes('//') && !one.includes('openapi'))) {
      const [verb, path] = split(route)
      exam.expect(world.can.routes.includes(`${verb} /api/v1${path}`), `undocumented ${route}`, `${route} is in the OpenAPI text`, `it has ${world.can.routes.length} routes, and not this one`, 'low')
    }
    for (const route of world.can.routes.filter((one) => one.includes('/api/v1') && !/events|stream/.test(one))) {
      const [verb, path] = split(route)
      await exam.one(async () => {
        const answer = await exam.api(verb, path.replace('/api/v1', ''), ['nobody-1', 'x'], { ...(verb !== 'GET' && { raw: '{' }), as: 'documented' })
        exam.expect(answer.body.code !== 'ROUTE_NOT_FOUND' && answer.body.code !== 'METHOD_NOT_ALLOWED', `documented-missing ${route}`, 'what is documented is there', answer.shown)
      })
    }
  }),
  '11 wrong verbs are answered with 405': aoCheck(60, async (exam, world) => {
    const routes = routesOf(world)
    const paths = [...new Set(routes.map((route) => split(route)[1]))].filter((path) => !path.startsWith('//'))
    for (const path of paths) {
      for (const verb of verbs.filter((one) => !routes.includes(`${one} ${path}`))) {
        await exam.one(async () => {
          const answer = await exam.api(verb, path, ['abc', 'x'], { as: 'wrong verb' })
          // A path of one segment may also be an id: /sessions/cleanup is one.
          exam.expect(answer.status === 405 || (path === '/sessions/cleanup' && answer.status < 500), `verb ${verb} ${path}`, `${verb} ${path}: 405 METHOD_NOT_ALLOWED`, answer.shown, 'low')
          if (answer.status === 405) exam.expect(answer.body.code === 'METHOD_NOT_ALLOWED', `verb-code ${verb} ${path}`, 'the code is METHOD_NOT_ALLOWED', answer.shown, 'low')
        })
      }
    }
    const put = await exam.api('PUT', '/projects/{}', ['abc'])
    exam.expect(put.status === 405 && put.body.code === 'METHOD_NOT_ALLOWED', 'put-project', 'PUT /api/v1/projects/abc: 405 METHOD_NOT_ALLOWED', put.shown)
    for (const path of ['/projects', '/sessions/{}']) {
      const answer = await exam.api('OPTIONS', path, ['abc'])
      exam.expect(answer.status === 405 && answer.body.code === 'METHOD_NOT_ALLOWED', `options ${path}`, `OPTIONS ${path}: 405 METHOD_NOT_ALLOWED`, answer.shown, 'low')
    }
  }),
  '11 unknown routes are answered with 404': aoCheck(20, async (exam) => {
    for (const path of ['/nonsense', '/projects/a/b/c', '/sessions/a/nonsense', '/', '/sessions/', '/../projects']) {
      const answer = await exam.api('GET', path)
      exam.expect(answer.status === 404 && (answer.body.code === 'ROUTE_NOT_FOUND' || /SESSION|PROJECT/.test(String(answer.body.code))), `unknown ${path}`, `GET ${path}: 404 ROUTE_NOT_FOUND`, answer.shown, 'low')
    }
    const outside = await exam.api('GET', '//nonsense', [])
    exam.expect(outside.status === 404, 'unknown-root', 'GET /nonsense: 404', outside.shown, 'low')
  }),
  '11 a body that is no request is refused': aoCheck(90, async (exam, world) => {
    const id = await world.worker(exam)
    const before = await exam.holdings()
    for (const route of routesOf(world).filter((one) => /^(POST|PATCH|PUT) /.test(one) && !/\/(kill|restore|cleanup|merge|resolve-comments|rollback|trigger|config)$|clean/.test(one))) {
      const [verb, path] = split(route)
      for (const [as, body] of Object.entries(bodies)) {
        await exam.one(async () => {
          const answer = await exam.api(verb, path, path.startsWith('/projects') ? ['ws'] : [id], { ...body, as })
          exam.expect(refuses(answer), `accepted ${route}: ${as}`, `${as}: is refused`, answer.shown)
        })
      }
    }
    await exam.nothingNew(before, 'bodies that are no requests', '')
  }),
  '11 ids that are none are not found': aoCheck(90, async (exam, world) => {
    await world.worker(exam)
    const before = await exam.holdings()
    for (const route of routesOf(world).filter((one) => one.includes('{}') && !/prs|notifications|preview/.test(one))) {
      const [verb, path] = split(route)
      const json = { displayName: 'x', message: 'x', state: 'active', pr: 'https://github.com/acme/ws/pull/1' }
      for (const id of oddIds) {
        await exam.one(async () => {
          const answer = await exam.api(verb, path, [id, 'x'], { ...(verb !== 'GET' && verb !== 'DELETE' && { json }), as: 'an id that nobody has' })
          exam.expect(answer.status >= 400, `accepted ${route}: odd id`, 'an id that nobody has is refused', answer.shown, /kill|rollback|reviews/.test(route) ? 'low' : 'high')
        })
      }
    }
    await exam.nothingNew(before, 'odd ids', '')
  }),
  '11 a large body is refused, and the daemon lives': aoCheck(30, async (exam) => {
    for (const route of ['POST /projects', 'POST /sessions']) {
      const [verb, path] = split(route)
      await exam.one(async () => {
        const answer = await exam.api(verb, path, [], { raw: `{"path":"${'x'.repeat(5_000_000)}","projectId":"${'y'.repeat(5_000_000)}"}`, as: '10 MB' })
        exam.expect(answer.status >= 400 && answer.status < 500, `large ${route}`, 'a body of 10 MB is refused', answer.shown.slice(-300))
      })
    }
    exam.expect((await exam.api('GET', '//healthz')).status === 200, 'alive', 'the daemon goes on', 'it does not')
  }),
  '11 the id of a request comes back': aoCheck(15, async (exam) => {
    // Not one that an earlier run on this workspace has in the log.
    const id = `clone-smoke-${exam.daemon.logText().length}`
    const answer = await exam.api('GET', '/sessions/{}', ['nobody-1'], { headers: { 'X-Request-Id': id } })
    exam.expect(answer.body.requestId === id, 'request-id', 'X-Request-Id is the requestId of the error', answer.shown, 'low')
    const logged = exam.daemon.logText().includes(id)
    exam.expect(logged, 'request-id-log', 'and stands in the log', 'it does not', 'low')
  }),
  '11 many requests at once are all answered': aoCheck(60, async (exam) => {
    const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => exam.api('GET', index % 2 === 0 ? '/sessions' : '/projects', [], { as: 'sixty at once' })))
    exam.expect(answers.every(({ status }) => status === 200), 'at-once', 'sixty reads at once succeed', answers.map(({ status }) => status).join(' '))
  }),
}

