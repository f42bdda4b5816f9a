import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dedupeSchema } from '../../lib/dedupe.mjs'
import { stackDir } from '../../lib/environment.mjs'
import { readJson } from '../../lib/files.mjs'

const text = (file) => readFileSync(join(stackDir, file), 'utf8')
const tracked = execFileSync('git', ['ls-files'], { cwd: stackDir, encoding: 'utf8' }).trim().split('\n')

test('the template takes its port from {{PROXY_PORT}}', () => {
  assert.match(text('config/proxy.template.json'), /"port": \{\{PROXY_PORT\}\}/)
  assert.doesNotMatch(text('config/proxy.template.json'), /\b\d{4,5}\b/)
})

test('no tracked file has a port written out', () => {
  for (const file of tracked.filter((name) => !name.startsWith('tests/'))) {
    assert.doesNotMatch(text(file), /(localhost|127\.0\.0\.1|\bport)\W{1,4}\d{4,5}\b/i, file)
  }
})

test('no tracked file names a place of one machine', () => {
  for (const file of tracked.filter((name) => !name.startsWith('tests/'))) {
    assert.doesNotMatch(text(file), /\/(home|Users|root|tmp)\/\w/, file)
  }
})

test('every server can be launched', () => {
  for (const file of ['config/bundle.json', 'config/catalog.json']) {
    for (const [name, descriptor] of Object.entries(readJson(join(stackDir, file)).servers)) {
      assert.ok(descriptor.package ?? descriptor.script ?? descriptor.command, `${file}: ${name} has no launch`)
      if (descriptor.package) assert.match(descriptor.version ?? '', /^\d/, `${file}: ${name} has no exact version`)
    }
  }
})

test('aggregates offer exactly the operations they can route, and repeat nothing', () => {
  const aggregates = readJson(join(stackDir, 'config/aggregates.json'))
  for (const { name, routeBy, routes, inputSchema } of aggregates) {
    assert.deepEqual(inputSchema.properties[routeBy].enum, Object.keys(routes), name)
  }
  const overrides = readJson(join(stackDir, 'config/tool_overrides.json'))
  assert.deepEqual([aggregates, overrides], dedupeSchema([aggregates, overrides]))
})

test('aggregates route to servers of the bundle that are not published beside them', () => {
  const { servers } = readJson(join(stackDir, 'config/bundle.json'))
  for (const { name, routes } of readJson(join(stackDir, 'config/aggregates.json'))) {
    for (const { server } of Object.values(routes)) assert.equal(servers[server]?.publish, 'none', `${name} routes to ${server}`)
  }
})

test('the code imports the SDK, builtins and its own files, nothing else', () => {
  for (const file of tracked.filter((name) => name.endsWith('.mjs'))) {
    for (const [, from] of text(file).matchAll(/^import .* from '([^']+)'/gm)) {
      assert.match(from, /^(\.{1,2}\/|node:|@modelcontextprotocol\/sdk\/)/, file)
    }
  }
})

test('.env.example lists every key that the code reads', () => {
  const listed = [...text('.env.example').matchAll(/^([A-Z0-9_]+)=/gm)].map(([, key]) => key)
  const code = tracked.filter((file) => /^(lib|scripts|servers|ecosystem)/.test(file)).map(text).join('\n')
  const read = [...code.matchAll(/\benv\.([A-Z][A-Z0-9_]+)/g)].map(([, key]) => key)
  assert.deepEqual([...new Set(read)].filter((key) => !listed.includes(key) && key !== 'PROXY_CONFIG'), [])
  assert.deepEqual(listed.filter((key) => !read.includes(key)), [])
})
