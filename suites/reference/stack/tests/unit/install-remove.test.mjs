import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stackDir } from '../../lib/environment.mjs'
import { readJson } from '../../lib/files.mjs'
import { manageStack } from '../../lib/manage-stack.mjs'
import { runPm2 } from '../../lib/pm2.mjs'
import { liveTools } from '../../lib/probe.mjs'
import { restartStack } from '../../lib/restart.mjs'
import { freePort, temporaryPlaces, undo } from './temporary-home.mjs'

test('an installation that fails is undone; one that works is live, and removed without a trace', async (t) => {
  const places = temporaryPlaces(t, await freePort())
  undo(t, () => runPm2(places, ['kill'], 10_000))
  const manage = (operation, params) => manageStack({ operation, params }, places)
  const before = await restartStack(places)
  const state = () => [places.overlay, places.cacheOf('mind'), places.rendered, places.intendedCatalog].map((file) => existsSync(file) && readFileSync(file, 'utf8'))
  const beforeState = state()

  const failed = await manageStack({ operation: 'install_server', params: { name: 'once' } }, { ...places, catalog: catalogOfOnce(places.configHome) })
  assert.equal(failed.status, 'error')
  assert.match(failed.message, /once could not be installed as once: .*without these tools: once__list_documents.*the stack runs as before/)
  assert.deepEqual(await liveTools(places.url), before)
  assert.deepEqual(state(), beforeState)

  const installed = await manage('install_server', { name: 'memory', target_name: 'mind' })
  assert.equal(installed.status, 'ok', installed.message)
  assert.ok(installed.tools.includes('mind__read_graph'))
  assert.deepEqual(await liveTools(places.url), [...before, ...installed.tools].sort())
  assert.deepEqual(readJson(places.intendedCatalog).tools, [...before, ...installed.tools].sort())

  const removed = await manage('remove_server', { name: 'mind' })
  assert.equal(removed.status, 'ok', removed.message)
  assert.deepEqual(await liveTools(places.url), before)
  assert.deepEqual(state(), beforeState)
})

/** A catalog with one server that answers the installer, and dies when the proxy starts it. */
function catalogOfOnce(folder) {
  const [script, flag, catalog] = ['once.mjs', 'flag', 'catalog.json'].map((name) => join(folder, name))
  writeFileSync(script, `import { existsSync, writeFileSync } from 'node:fs'
if (existsSync(${JSON.stringify(flag)})) process.exit(3)
writeFileSync(${JSON.stringify(flag)}, '')
await import(${JSON.stringify(join(stackDir, 'servers/docs.mjs'))})
`)
  writeFileSync(catalog, JSON.stringify({ servers: { once: { command: process.execPath, args: [script], description: '', tags: [] } } }))
  return catalog
}
