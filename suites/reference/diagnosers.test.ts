import { expect, test } from 'vitest'
import { explainVerdict } from '../../harness/diagnosers/diagnoser.ts'
import { workspacePaths } from '../../harness/sandbox/workspace-paths.ts'
import { fail, type Verdict } from '../../harness/verdict.ts'
import { diagnosers } from './diagnosers.ts'

const rendered = '[proxy] listening on port 4000 with /w/config-home/.state/proxy.json'
const before = '[proxy] listening on port 4000 with /w/old.json\n[proxy] server grep failed: of an earlier start (command: node grep.mjs)'
const log = 'pm2/logs/reference-proxy-out.log'

const explain = (verdict: Verdict, text: string): Verdict =>
  explainVerdict(verdict, { lane: 'bootstrap', step: 'restart', stage: undefined, paths: workspacePaths('/w'), ports: {}, tail: (path) => path === `/w/${log}` ? text : '' }, diagnosers, (problem) => { throw new Error(problem) })

const seen = fail('readiness', 'it never became ready').verdict

test.each<[string, Verdict, string, Partial<Verdict>]>([
  ['another configuration', seen, '[proxy] listening on port 9090 with /w/stack/proxy.json', {
    class: 'port-mismatch', diagnosis: 'the proxy read /w/stack/proxy.json, and not what was rendered, /w/config-home/.state/proxy.json; it never became ready', evidence: [log],
  }],
  ['a server that did not start', seen, `${before}\n${rendered}\n[proxy] server docs failed: Connection closed (command: node docs.mjs)`, {
    class: 'readiness', diagnosis: 'the proxy could not start server docs: Connection closed (command: node docs.mjs); it never became ready', evidence: [log],
  }],
  ['a server that ended', seen, `${rendered}\n[proxy] server docs ended: it ended by itself`, { diagnosis: 'server docs of the proxy ended: it ended by itself; it never became ready' }],
  ['slow servers', fail('readiness', 'HTTP 503 {"error":"starting","waitingFor":["docs","grep"]}').verdict, rendered, {
    diagnosis: 'the proxy still waits for docs, grep; HTTP 503 {"error":"starting","waitingFor":["docs","grep"]}', evidence: [],
  }],
])('%s is named', (_what, verdict, text, expected) => {
  expect(explain(verdict, text)).toMatchObject(expected)
})

test.each<[string, Verdict, string]>([
  ['a proxy that says nothing of itself', seen, ''],
  ['what went wrong before its last start', seen, `${before}\n${rendered}\n[proxy] server docs is ready with 2 tools`],
  ['a failure that servers do not cause', fail('dirty-repo', 'x').verdict, `${rendered}\n[proxy] server docs failed: x`],
])('%s is no cause', (_what, verdict, text) => {
  expect(explain(verdict, text)).toBe(verdict)
})
