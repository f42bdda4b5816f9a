import { expect, test } from 'vitest'
import { UsageError } from './errors.ts'
import { checkSourceNames, nearestOf, resolveOptions } from './options.ts'

test('defaults hold when nothing is set, and other variables are nobody’s business', () => {
  expect(resolveOptions({ PATH: '/bin', SMOKEY: 'x' }, 'reference')).toEqual({
    suite: 'reference', workspace: undefined, keep: 'never', results: 'smoke-results', agentFile: undefined,
    stageSeconds: 60, restartSeconds: 30, budgetScale: 1, sources: {},
  })
})

test.each([
  ['SMOKE_SUITE', 'stelae', { suite: 'stelae' }],
  ['SMOKE_WORKSPACE', '/tmp/x', { workspace: '/tmp/x' }],
  ['SMOKE_KEEP', 'failed', { keep: 'failed' }],
  ['SMOKE_RESULTS', 'out', { results: 'out' }],
  ['SMOKE_AGENT_BIN', '/bin/agent', { agentFile: '/bin/agent' }],
  ['SMOKE_STAGE_TIMEOUT', '2.5', { stageSeconds: 2.5 }],
  ['SMOKE_RESTART_TIMEOUT', '7', { restartSeconds: 7 }],
  ['SMOKE_BUDGET_SCALE', '3', { budgetScale: 3 }],
  ['SMOKE_SOURCE_MY_STACK', '/repo#main', { sources: { 'my-stack': '/repo#main' } }],
  ['SMOKE_KEEP', '', { keep: 'never' }],
  ['SMOKE_SOURCE_STACK', '', { sources: {} }],
])('%s=%s', (name, value, expected) => {
  expect(resolveOptions({ [name]: value }, 'reference')).toMatchObject(expected)
})

test.each([
  ['SMOKE_SUIT', 'x', /unknown option SMOKE_SUIT[^]*did you mean SMOKE_SUITE\?/],
  ['SMOKE_STAGE_TIMOUT', '1', /did you mean SMOKE_STAGE_TIMEOUT\?/],
  ['SMOKE_XYZZY', '1', /known: SMOKE_SUITE, /],
  ['SMOKE_KEEP', 'yes', /SMOKE_KEEP="yes" does not fit/],
  ['SMOKE_STAGE_TIMEOUT', '0', /more than 0/],
  ['SMOKE_STAGE_TIMEOUT', 'soon', /a number of seconds/],
  ['SMOKE_BUDGET_SCALE', '1000', /between 0.1 and 100/],
  ['SMOKE_SUITE', '../etc', /the name of a folder in suites/],
  ['SMOKE_SOURCE_STACK', '#main', /is no source/],
  ['SMOKE_SOURCE_STACK', '--upload-pack=touch x', /is no source/],
  ['SMOKE_SOURCE_STACK', '/repo#--help', /is no source/],
  ['SMOKE_STAGE_TIMEOUT', '99999999', /at most a day/],
  ['SMOKE_SUITE', '..', /the name of a folder in suites/],
])('%s=%s is refused with what to type', (name, value, message) => {
  const resolve = (): unknown => resolveOptions({ [name]: value }, 'reference')
  expect(resolve).toThrow(UsageError)
  expect(resolve).toThrow(message)
})

test('a source override must name a source of the suite', () => {
  const options = resolveOptions({ SMOKE_SOURCE_STAK: '/repo' }, 'any')
  expect(() => { checkSourceNames(options, ['stack', 'proxy']) }).toThrow(/SMOKE_SOURCE_STAK[^]*did you mean SMOKE_SOURCE_STACK\?/)
  checkSourceNames(resolveOptions({ SMOKE_SOURCE_STACK: '/repo' }, 'any'), ['stack', 'proxy'])
})

test('the nearest name is found only when it is near', () => {
  expect(nearestOf('refrence', ['reference', 'stelae'])).toBe('reference')
  expect(nearestOf('zzz', ['reference', 'stelae'])).toBeUndefined()
})
