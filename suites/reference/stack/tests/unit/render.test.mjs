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
  for (const name of ['filesystem', 'extra']) writeText(`${places.toolCache}/${name}.json`, toJson([{ name: 'read_file' }]))
  render(places)
  assert.deepEqual(readJson(places.intendedCatalog).tools, ['extra__read_file', 'manage_stack', 'workspace_fs_read'])
})

test('local overrides win and are deduplicated', (t) => {
  const places = temporaryPlaces(t)
  writeText(places.localOverrides, toJson({ grep: { inputSchema: { required: ['a', 'a'], properties: { x: { enum: [1, 1, 2] } } } } }))
  assert.deepEqual(render(places).rendered.overrides.grep, { inputSchema: { required: ['a'], properties: { x: { enum: [1, 2] } } } })
})

test('dedupes enum and required at any depth, and nothing else', () => {
  assert.deepEqual(dedupeSchema({ anyOf: [{ enum: ['a', 'a'] }], items: [1, 1] }), { anyOf: [{ enum: ['a'] }], items: [1, 1] })
})

test('says which key is missing', () => {
  assert.throws(() => loadEnvironment({}), /STACK_CONFIG_HOME is not set/)
  assert.throws(() => loadEnvironment({ STACK_CONFIG_HOME: '/nowhere' }), /PROXY_PORT is not set; put it into \/nowhere\/\.env/)
})

test('a descriptor without a launch, a missing package and a wrong version are named', (t) => {
  const places = temporaryPlaces(t)
  assert.throws(() => launchOf('x', {}, places), /descriptor of x has no launch/)
  assert.throws(() => launchOf('x', { package: 'no-such-package', version: '1.0.0' }, places), /npm install no-such-package@1\.0\.0/)
  assert.throws(() => launchOf('x', { package: '@modelcontextprotocol/server-memory', version: '0.0.1' }, places), /needs @modelcontextprotocol\/server-memory 0\.0\.1, but/)
})
