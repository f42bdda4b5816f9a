import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { environmentIn, environmentMap, environmentText, keysIn } from './environment-map.ts'
import { placesIn } from './places.ts'

const places = placesIn({ root: '/tmp/ws', logs: '/tmp/ws/logs' })
const example = ['STELAE_TOOL_OVERRIDES', 'STELAE_TOOL_AGGREGATIONS', 'STELAE_CUSTOM_TOOLS_CONFIG', 'INTENDED_CATALOG_PATH', 'LIVE_CATALOG_PATH']
const values = environmentMap(places, '/tmp/ws/home', 23456, example)

test('keys that an older checkout does not know are left to it', () => {
  const older = environmentMap(places, '/tmp/ws/home', 23456, ['PROXY_PORT'])
  expect(Object.keys(values).filter((key) => !(key in older))).toEqual(example)
})

test('every path of the map lies in the workspace, and the only address is the loopback with the given port', () => {
  for (const [key, value] of Object.entries(values)) {
    if (value.startsWith('/')) expect(value, key).toMatch(/^\/tmp\/ws(\/|$)/)
    if (value.includes('://')) expect(value, key).toMatch(/^http:\/\/127\.0\.0\.1:23456(\/mcp)?$/)
  }
  expect(values).toMatchObject({ PROXY_PORT: '23456', PUBLIC_PORT: '23456', STELAE_STATE_HOME: '/tmp/ws/config-home/.state' })
})

test.each([
  // As the restart script demands it: absolute, the state home under the config home, and these six.
  'TOOL_OVERRIDES_PATH', 'TOOL_SCHEMA_STATUS_PATH', 'STELAE_CUSTOM_TOOLS_CONFIG', 'STELAE_DISCOVERY_PATH', 'INTENDED_CATALOG_PATH', 'LIVE_CATALOG_PATH',
])('%s lies under the config home', (key) => {
  expect(values[key]).toMatch(new RegExp(`^${places.configHome}/`))
})

test('the file reads the same in a shell and line by line', () => {
  const folder = mkdtempSync(join(tmpdir(), 'environment-'))
  try {
    const file = join(folder, '.env')
    const odd = { PLAIN: '/a/b', EMPTY: '', SPACED: 'two words', URL: 'http://127.0.0.1:1/mcp' }
    writeFileSync(file, environmentText(odd))
    expect(execFileSync('bash', ['-c', `set -a; . ${file}; printf '%s|' "$PLAIN" "$EMPTY" "$SPACED" "$URL"`], { encoding: 'utf8' })).toBe(`${Object.values(odd).join('|')}|`)
    expect(keysIn(environmentText(odd))).toEqual(Object.keys(odd))
    expect(environmentIn(environmentText(odd))).toEqual(odd)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test.each(['a"b', 'a$b', 'a`b', 'a\nb', "a'b", 'a\\b'])('a value that a shell would read otherwise is refused: %j', (value) => {
  expect(() => environmentText({ KEY: value })).toThrow(/KEY cannot be written to an environment file/)
})
