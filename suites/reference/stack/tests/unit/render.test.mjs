import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dedupeSchema } from '../../lib/dedupe.mjs'
import { loadEnvironment } from '../../lib/environment.mjs'
import { readJson, toJson, writeText } from '../../lib/files.mjs'
import { launchOf } from '../../lib/launch.mjs'
import { render } from '../../lib/render.mjs'
import { temporaryPlaces } from './temporary-home.mjs'

test('renders the port, the state home and the revision', (t) => {
  const places = temporaryPlaces(t, 4321)
  const { rendered } = render(places)
  assert.equal(rendered.port, 4321)
  assert.equal(rendered.callLog, places.callLog)
  assert.match(rendered.revision, /^[0-9a-f]{12}$/)
  assert.deepEqual(readJson(places.rendered), rendered)
})

test('rendering again changes nothing', (t) => {
  const places = temporaryPlaces(t)
  assert.equal(render(places).changed.length, 3)
  assert.deepEqual(render(places).changed, [])
})

test('intends prefixed, raw and aggregated tools, and nothing of a hidden server', (t) => {
  const places = temporaryPlaces(t)
  writeText(places.overlay, toJson({ servers: { filesystem: { publish: 'none' }, extra: { publish: 'prefixed' } } }))
  for (const name of ['filesystem', 'extra']) writeText(places.cacheOf(name), toJson([{ name: 'read_file' }]))
  render(places)
  assert.deepEqual(readJson(places.intendedCatalog).tools, ['extra__read_file', 'manage_stack', 'workspace_fs_read'])
})

test('local overrides win and are deduplicated', (t) => {
  const places = temporaryPlaces(t)
  writeText(places.localOverrides, toJson({ grep: { inputSchema: { required: ['a', 'a'], properties: { x: { enum: [1, 1, 2] } } } } }))
  const { description, ...changed } = render(places).rendered.overrides.grep
  assert.deepEqual(changed, { inputSchema: { required: ['a'], properties: { x: { enum: [1, 2] } } } })
  assert.match(description, /regular expression/, 'what the local file does not say stays as it is tracked')
})

test('a published server whose tools nobody listed cannot be rendered', (t) => {
  const places = temporaryPlaces(t)
  writeText(places.overlay, toJson({ servers: { extra: { publish: 'prefixed' } } }))
  assert.throws(() => render(places), /nobody knows the tools of extra: .*run node scripts\/install-bundle\.mjs/)
})

test('dedupes enum and required at any depth, and nothing else', () => {
  assert.deepEqual(dedupeSchema({ anyOf: [{ enum: ['a', 'a'] }], items: [1, 1] }), { anyOf: [{ enum: ['a'] }], items: [1, 1] })
})

test('says which key is missing', () => {
  assert.throws(() => loadEnvironment({}), /STACK_CONFIG_HOME is not set/)
  assert.throws(() => loadEnvironment({ STACK_CONFIG_HOME: '/nowhere' }), /PROXY_PORT is not set; put it into \/nowhere\/\.env/)
})

test('a port that is none is named', () => {
  for (const port of ['x', '0', '70000', '80 ']) {
    assert.throws(() => loadEnvironment({ STACK_CONFIG_HOME: '/nowhere', PROXY_PORT: port, PM2_HOME: '/x', PM2_BIN: '/x' }), /PROXY_PORT must be a port number; it is "/)
  }
})

test('a descriptor without a launch, a missing package and a wrong version are named', (t) => {
  const places = temporaryPlaces(t)
  assert.throws(() => launchOf('x', {}, places), /descriptor of x has no launch/)
  assert.throws(() => launchOf('x', { command: 'x', args: ['{{NOBODY}}'] }, places), /descriptor of x has a placeholder that nothing fills: \{\{NOBODY\}\}/)
  assert.throws(() => launchOf('x', { package: 'no-such-package', version: '1.0.0' }, places), /npm install no-such-package@1\.0\.0/)
  assert.throws(() => launchOf('x', { package: '@modelcontextprotocol/server-memory', version: '0.0.1' }, places), /needs @modelcontextprotocol\/server-memory 0\.0\.1, but/)
})
