import assert from 'node:assert/strict'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
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

test('dry runs say what they would write, and write nothing', async (t) => {
  const places = temporaryPlaces(t)
  writeText(places.overlay, toJson({ servers: { mine: { from: 'memory', publish: 'prefixed' } } }))
  writeText(places.cacheOf('mine'), toJson([{ name: 'x' }]))
  const before = everyFile(places.configHome)
  for (const [operation, params, writes] of [
    ['discover_servers', {}, false], ['list_discovered_servers', {}, false], ['run_reconciler', {}, true],
    ['install_server', { name: 'memory', target_name: 'other' }, true], ['remove_server', { name: 'mine' }, true],
  ]) {
    const answer = await manageStack({ operation, params: { ...params, dry_run: true } }, places)
    assert.equal(answer.status, 'ok', answer.message)
    assert.equal(answer.files_updated.length > 0, writes, operation)
    assert.ok(answer.files_updated.every(({ path, dryRun }) => dryRun === true && path.startsWith(places.configHome)), operation)
  }
  assert.deepEqual(everyFile(places.configHome), before)
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
  assert.match(await message('install_server', 'memory'), /params must be an object; it is "memory"/)
  assert.match(await message('install_server', {}), /needs the parameter name/)
  assert.match(await message('install_server', { name: 'memory', target: 'x' }), /has no parameter target; it has name, target_name, force, dry_run/)
  assert.match(await message('install_server', { name: 'memory', force: 'yes' }), /force must be of type boolean; it is "yes"/)
  assert.match(await message('install_server', { name: 'memory', target_name: 'manage' }), /manage is a server of the stack itself/)
  assert.match(await message('install_server', { name: 'memory', target_name: 'a__b' }), /target_name must be/)
  assert.match(await message('remove_server', { name: 'constructor' }), /"constructor" is not installed/)
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

const everyFile = (folder) => readdirSync(folder, { recursive: true }).sort().map((name) => join(folder, name))
  .map((path) => [path, statSync(path).isFile() ? readFileSync(path, 'utf8') : 'directory'])
