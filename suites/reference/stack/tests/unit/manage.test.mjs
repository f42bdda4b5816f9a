import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { readJson, toJson, writeText } from '../../lib/files.mjs'
import { asToolResult, manageStack, withServer } from '../../lib/manage-stack.mjs'
import { temporaryPlaces } from './temporary-home.mjs'

test('discovers by words and tags', async (t) => {
  const places = temporaryPlaces(t)
  const names = async (params) => (await manageStack({ operation: 'discover_servers', params }, places)).servers.map(({ name }) => name)
  assert.deepEqual(await names({}), ['everything', 'memory'])
  assert.deepEqual(await names({ query: 'knowledge graph' }), ['memory'])
  assert.deepEqual(await names({ tags: ['test'], limit: 5 }), ['everything'])
  assert.deepEqual(await names({ query: 'nothing like it' }), [])
})

test('a dry run says what it would write, and writes nothing', async (t) => {
  const places = temporaryPlaces(t)
  const answer = await manageStack({ operation: 'install_server', params: { name: 'memory', target_name: 'mine', dry_run: true } }, places)
  assert.deepEqual(answer.files_updated, [{ path: places.overlay, dryRun: true }])
  assert.equal(existsSync(places.overlay), false)
})

test('business errors are answers', async (t) => {
  const places = temporaryPlaces(t)
  writeText(places.overlay, toJson({ servers: { mine: { from: 'memory' } } }))
  const message = async (operation, params) => {
    const answer = await manageStack({ operation, params }, places)
    assert.equal(answer.status, 'error')
    assert.equal(asToolResult(answer).isError, true)
    return answer.message
  }
  assert.match(await message('dance'), /operation must be one of/)
  assert.match(await message('install_server', { name: 'nope' }), /no server "nope".*everything, memory/)
  assert.match(await message('install_server', { name: 'memory', target_name: 'mine' }), /installed already; pass force: true/)
  assert.match(await message('install_server', { name: 'memory', target_name: 'Not This' }), /target_name must be/)
  assert.match(await message('remove_server', { name: 'other' }), /"other" is not installed; installed are mine/)
  assert.deepEqual(readJson(places.overlay), { servers: { mine: { from: 'memory' } } })
})

test('lists under which names a server is installed', async (t) => {
  const places = temporaryPlaces(t)
  writeText(places.overlay, toJson({ servers: { mine: { from: 'memory' } } }))
  const { servers } = await manageStack({ operation: 'list_discovered_servers' }, places)
  assert.deepEqual(servers.map(({ name, installed_as: as }) => [name, as]), [['everything', []], ['memory', ['mine']]])
})

test('an overlay does not depend on the order of its making', () => {
  const one = withServer(withServer({ servers: {} }, 'b', 1), 'a', 2)
  const other = withServer(withServer({ servers: {} }, 'a', 2), 'b', 1)
  assert.equal(toJson(one), toJson(other))
})
