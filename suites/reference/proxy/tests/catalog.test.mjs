import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildCatalog } from '../lib/catalog.mjs'

const running = (name, tools, state = 'ready') => ({ name, state, tools: tools.map((tool) => ({ name: tool, inputSchema: {} })) })
const aggregate = {
  name: 'files', routeBy: 'operation', inputSchema: {},
  routes: { read: { server: 'fs', tool: 'read_file' }, list: { server: 'fs', tool: 'list' } },
}

test('publishes raw, prefixed and hidden servers as they ask', () => {
  const servers = { a: { publish: 'raw' }, b: { publish: 'prefixed' }, c: { publish: 'none' } }
  const catalog = buildCatalog({ servers }, [running('a', ['one']), running('b', ['two']), running('c', ['three'])])
  assert.deepEqual([...catalog.keys()], ['one', 'b__two'])
})

test('a server that failed publishes nothing, and an aggregate without servers is left out', () => {
  const catalog = buildCatalog({ servers: { fs: { publish: 'none' } }, aggregates: [aggregate] }, [running('fs', ['read_file'], 'failed')])
  assert.equal(catalog.size, 0)
})

test('an aggregate routes by its argument and does not pass it on', () => {
  const catalog = buildCatalog({ servers: { fs: { publish: 'none' } }, aggregates: [aggregate] }, [running('fs', ['read_file', 'list'])])
  const target = catalog.get('files').route({ operation: 'read', path: 'x' })
  assert.equal(target.tool, 'read_file')
  assert.deepEqual(target.arguments, { path: 'x' })
  assert.throws(() => catalog.get('files').route({ operation: 'erase' }), /must be one of read, list; it is "erase"/)
})

test('overrides change what is shown, never the name', () => {
  const catalog = buildCatalog({ servers: { a: {} }, overrides: { one: { description: 'new', name: 'other' } } }, [running('a', ['one'])])
  assert.deepEqual(catalog.get('one').tool, { name: 'one', inputSchema: {}, description: 'new' })
})
