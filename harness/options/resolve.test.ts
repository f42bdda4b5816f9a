import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { number, path } from './definitions.ts'
import { nearestOf } from './nearest.ts'
import { checkFamilyNames, resolveOptions, suiteNameOf, type OptionLayers, type Options } from './resolve.ts'

let dir: string
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'options-')))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const resolved = (layers: Partial<OptionLayers>): Options => resolveOptions({ env: {}, cwd: '/here', ...layers }, 'any')

test('defaults hold when nothing is set, and other variables are nobody’s business', () => {
  expect(resolved({ env: { PATH: '/bin', SMOKEY: 'x' } })).toEqual({
    suite: 'any', workspace: undefined, keep: 'never', results: '/here/smoke-results', reuse: false, force: false, forceOutdated: false, forceBootstrap: false,
    bootstrapOnly: false, skipBootstrap: false, manual: false, manualStage: undefined, agentBin: undefined, agentHome: undefined,
    stageTimeout: 60, restartTimeout: 30, restartRetries: 1, heartbeatTimeout: 240, budgetScale: 1, testScope: 'full', memoryLimit: 0, processLimit: 0,
    cacheDir: undefined, junitAttachments: 'absolute', captureDebugTools: false, captureDiagLogs: false, sources: {}, refs: {}, ports: {}, own: {}, origins: {},
  })
})

// Every option once: as a variable, as a flag, and in the config file.
const good = [
  ['suite', 'SMOKE_SUITE', 'stelae', 'stelae'],
  ['workspace', 'SMOKE_WORKSPACE', 'x', '/here/x'],
  ['keep', 'SMOKE_KEEP', 'failed', 'failed'],
  ['results', 'SMOKE_RESULTS', '/out', '/out'],
  ['manualStage', 'SMOKE_MANUAL_STAGE', 'ask', 'ask'],
  ['agentBin', 'SMOKE_AGENT_BIN', '/bin/agent', '/bin/agent'],
  ['agentHome', 'SMOKE_AGENT_HOME', 'agent', '/here/agent'],
  ['stageTimeout', 'SMOKE_STAGE_TIMEOUT', '2.5', 2.5],
  ['restartTimeout', 'SMOKE_RESTART_TIMEOUT', '7', 7],
  ['restartRetries', 'SMOKE_RESTART_RETRIES', '0', 0],
  ['heartbeatTimeout', 'SMOKE_HEARTBEAT_TIMEOUT', '0', 0],
  ['budgetScale', 'SMOKE_BUDGET_SCALE', '3', 3],
  ['testScope', 'SMOKE_TEST_SCOPE', 'none', 'none'],
  ['memoryLimit', 'SMOKE_MEMORY_LIMIT', '2048', 2048],
  ['processLimit', 'SMOKE_PROCESS_LIMIT', '80', 80],
  ['cacheDir', 'SMOKE_CACHE_DIR', '/var/cache/x', '/var/cache/x'],
  ['bootstrapOnly', 'SMOKE_BOOTSTRAP_ONLY', '1', true],
  ['manual', 'SMOKE_MANUAL', 'yes', true],
  ['manual', 'SMOKE_MANUAL', '0', false],
  ['captureDebugTools', 'SMOKE_CAPTURE_DEBUG_TOOLS', 'true', true],
  ['junitAttachments', 'SMOKE_JUNIT_ATTACHMENTS', 'relative', 'relative'],
  ['captureDiagLogs', 'SMOKE_CAPTURE_DIAG_LOGS', 'on', true],
] as const

test.each(good)('%s from %s=%s, from its flag and from the config file', (key, variable, text, value) => {
  const [flag, env] = [text, { [variable]: text }]
  expect(resolved({ env })).toMatchObject({ [key]: value })
  expect(resolved({ flags: { [key]: flag } })).toMatchObject({ [key]: value })
  expect(resolved({ file: { path: '/here/smoke.config.ts', config: { [key]: value } } })).toMatchObject({ [key]: value })
})

// Those that mean something only together with others.
test.each([
  [{ SMOKE_WORKSPACE: '/w', SMOKE_REUSE: '1' }, { reuse: true }],
  [{ SMOKE_WORKSPACE: '/w', SMOKE_FORCE: '1' }, { force: true }],
  [{ SMOKE_WORKSPACE: '/w', SMOKE_SKIP_BOOTSTRAP: '1' }, { skipBootstrap: true }],
  [{ SMOKE_WORKSPACE: '/w', SMOKE_REUSE: '1', SMOKE_FORCE_OUTDATED: '1' }, { forceOutdated: true }],
  [{ SMOKE_WORKSPACE: '/w', SMOKE_REUSE: '1', SMOKE_FORCE_BOOTSTRAP: '1' }, { forceBootstrap: true }],
  [{ SMOKE_SOURCE_MY_STACK: '/repo#main' }, { sources: { 'my-stack': '/repo#main' } }],
  [{ SMOKE_REF_STACK: 'v1' }, { refs: { stack: 'v1' } }],
  [{ SMOKE_PORT_PROXY: '23456' }, { ports: { proxy: '23456' } }],
  [{ SMOKE_KEEP: '', SMOKE_SOURCE_STACK: '' }, { keep: 'never', sources: {} }],
] as const)('%j', (env, expected) => {
  expect(resolved({ env })).toMatchObject(expected)
})

test.each([
  { flags: { keep: 'always' }, env: 'failed', file: 'never', wins: 'always', origin: '--keep "always"' },
  { flags: {}, env: 'failed', file: 'always', wins: 'failed', origin: 'SMOKE_KEEP="failed"' },
  { flags: {}, env: '', file: 'always', wins: 'always', origin: 'keep: "always" in /there/smoke.config.ts' },
  { flags: {}, env: '', file: undefined, wins: 'never', origin: undefined },
])('precedence: flag $flags, variable "$env", file $file: $wins', ({ flags, env, file, wins, origin }) => {
  const options = resolved({ flags, env: { SMOKE_KEEP: env }, file: { path: '/there/smoke.config.ts', config: { keep: file } } })
  expect(options.keep).toBe(wins)
  expect(options.origins.keep).toBe(origin)
})

test('families: a flag wins over a variable, and a variable over the file, name by name', () => {
  expect(resolved({
    familyFlags: { ports: { a: '2001' } }, env: { SMOKE_PORT_A: '3001', SMOKE_PORT_B: '3002' },
    file: { path: '/there/smoke.config.ts', config: { ports: { a: 4001, b: 4002, c: 4003 } } },
  }).ports).toEqual({ a: '2001', b: '3002', c: '4003' })
})

test('relative paths start where they were written', () => {
  mkdirSync(join(dir, 'stack'))
  mkdirSync(join(dir, 'sub', 'stack'), { recursive: true })
  const file = { path: join(dir, 'sub', 'smoke.config.ts'), config: { cacheDir: 'c', sources: { stack: 'stack#main' } } }
  expect(resolved({ cwd: dir, file })).toMatchObject({ cacheDir: join(dir, 'sub/c'), sources: { stack: `${join(dir, 'sub/stack')}#main` } })
  expect(resolved({ cwd: dir, env: { SMOKE_CACHE_DIR: 'c', SMOKE_SOURCE_STACK: 'stack' } })).toMatchObject({ cacheDir: join(dir, 'c'), sources: { stack: join(dir, 'stack') } })
  expect(resolved({ cwd: dir, env: { SMOKE_SOURCE_STACK: 'https://example.org/stack.git' } }).sources).toEqual({ stack: 'https://example.org/stack.git' })
})

test.each([
  ['SMOKE_SUIT', 'x', /unknown option SMOKE_SUIT[^]*did you mean SMOKE_SUITE\?/],
  ['SMOKE_STAGE_TIMOUT', '1', /did you mean SMOKE_STAGE_TIMEOUT\?/],
  ['SMOKE_XYZZYXYZZY', '1', /known: SMOKE_SUITE, /],
  ['SMOKE_KEEP', 'yes', /SMOKE_KEEP="yes" does not fit: one of never, failed, always/],
  ['SMOKE_STAGE_TIMEOUT', '0', /more than 0/],
  ['SMOKE_STAGE_TIMEOUT', 'soon', /a number of seconds/],
  ['SMOKE_STAGE_TIMEOUT', '99999999', /at most a day/],
  ['SMOKE_RESTART_TIMEOUT', '-1', /more than 0/],
  ['SMOKE_RESTART_RETRIES', '1.5', /a whole number/],
  ['SMOKE_RESTART_RETRIES', '11', /at most 10/],
  ['SMOKE_HEARTBEAT_TIMEOUT', '-1', /not below 0/],
  ['SMOKE_BUDGET_SCALE', '1000', /between 0.1 and 100/],
  ['SMOKE_TEST_SCOPE', 'all', /one of none, structural, full/],
  ['SMOKE_MEMORY_LIMIT', 'much', /a whole number/],
  ['SMOKE_PROCESS_LIMIT', '-4', /not below 0/],
  ['SMOKE_REUSE', 'maybe', /1 or 0, true or false/],
  ['SMOKE_MANUAL', '2', /1 or 0, true or false/],
  ['SMOKE_SUITE', '../etc', /the name of a folder in suites/],
  ['SMOKE_SUITE', '..', /the name of a folder in suites/],
  ['SMOKE_WORKSPACE', 'a\0b', /NUL/],
  ['SMOKE_SOURCE_STACK', '#main', /SMOKE_SOURCE_STACK="#main" does not fit/],
  ['SMOKE_SOURCE_STACK', '--upload-pack=touch x', /does not fit/],
  ['SMOKE_SOURCE_STACK', '/repo#--help', /does not fit/],
  ['SMOKE_REF_STACK', '--help', /does not fit: a branch, a tag or a commit/],
  ['SMOKE_PORT_PROXY', '80', /between 1024 and 65535/],
  ['SMOKE_PORT_PROXY', 'http', /a port number/],
  ['SMOKE_REUSE', '1', /SMOKE_REUSE="1" needs a workspace/],
  ['SMOKE_FORCE', '1', /needs a workspace/],
  ['SMOKE_SKIP_BOOTSTRAP', '1', /needs a workspace/],
  ['SMOKE_FORCE_OUTDATED', '1', /needs a workspace/],
  ['SMOKE_FORCE_BOOTSTRAP', '1', /needs a workspace/],
])('%s=%s is refused with what to type', (name, value, message) => {
  const resolve = (): unknown => resolved({ env: { [name]: value } })
  expect(resolve).toThrow(UsageError)
  expect(resolve).toThrow(message)
  expect(resolve).toThrow(/\n {2}next: /)
})

test.each([
  [{ reuse: true, force: true }, /--reuse and --force exclude each other/],
  [{ skipBootstrap: true, force: true }, /exclude each other/],
  [{ skipBootstrap: true, bootstrapOnly: true }, /exclude each other/],
  [{ skipBootstrap: true, forceBootstrap: true }, /exclude each other/],
  [{ manual: true, manualStage: 'ask' }, /--manual and --manual-stage "ask" exclude each other/],
  [{ forceOutdated: true }, /only means something with `reuse`/],
  [{ forceBootstrap: true }, /only means something with `reuse`/],
] as const)('flags %j contradict', (flags, message) => {
  expect(() => resolved({ flags: { workspace: '/w', ...flags } })).toThrow(message)
})

test.each([
  [{ kep: 'failed' }, /unknown option kep in \/x\/smoke.config.ts[^]*did you mean keep\?/],
  [{ keep: 'sometimes' }, /keep: "sometimes" in \/x\/smoke.config.ts does not fit/],
  [{ stageTimeout: 'soon' }, /a number of seconds/],
  [{ ports: 23456 }, /ports in \/x\/smoke.config.ts is no object/],
  [undefined, /has no object of options/],
])('config file %j is refused', (config, message) => {
  expect(() => resolved({ file: { path: '/x/smoke.config.ts', config } })).toThrow(message)
})

test("a suite's own options are read like all others, and only for that suite", () => {
  const own = {
    wrapperRelease: path('a release'), jobs: number('how many', { schema: z.int().min(1), fallback: 2, placeholder: '<n>' }),
  }
  const env = { SMOKE_WRAPPER_RELEASE: 'r' }
  expect(resolveOptions({ env, cwd: '/here' }, 'any', own).own).toEqual({ wrapperRelease: '/here/r', jobs: 2 })
  expect(() => resolved({ env })).toThrow(/unknown option SMOKE_WRAPPER_RELEASE/)
})

test('the suite is known before its options are', () => {
  const layers = { env: { SMOKE_SUITE: 'other', SMOKE_ONLY_OTHER_KNOWS: '1' }, cwd: '/here' }
  expect(suiteNameOf(layers, 'any')).toBe('other')
  expect(suiteNameOf({ env: {}, cwd: '/here' }, 'any')).toBe('any')
  expect(() => suiteNameOf({ env: { SMOKE_SUITE: '../x' }, cwd: '/here' }, 'any')).toThrow(/does not fit/)
})

test('a name in a family must be one that the suite declares', () => {
  const declared = { sources: ['stack', 'proxy'], ports: ['main'] }
  expect(() => { checkFamilyNames(resolved({ env: { SMOKE_SOURCE_STAK: '/repo' } }), declared) }).toThrow(/SMOKE_SOURCE_STAK[^]*did you mean SMOKE_SOURCE_STACK\?/)
  expect(() => { checkFamilyNames(resolved({ env: { SMOKE_REF_PROXI: 'v1' } }), declared) }).toThrow(/did you mean SMOKE_REF_PROXY\?/)
  expect(() => { checkFamilyNames(resolved({ env: { SMOKE_PORT_MAN: '2000' } }), declared) }).toThrow(/did you mean SMOKE_PORT_MAIN\?/)
  checkFamilyNames(resolved({ env: { SMOKE_SOURCE_STACK: '/repo', SMOKE_PORT_MAIN: '2000' } }), declared)
})

test('the nearest name is found only when it is near', () => {
  expect(nearestOf('alphabt', ['alphabet', 'numbers'])).toBe('alphabet')
  expect(nearestOf('zzz', ['alphabet', 'numbers'])).toBeUndefined()
})
