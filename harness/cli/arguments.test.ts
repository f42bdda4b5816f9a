import { expect, test } from 'vitest'
import { path } from '../options/definitions.ts'
import { parseArguments } from './arguments.ts'

const none = { sources: {}, refs: {}, ports: {} }

test.each([
  { args: ['--keep', 'failed', 'ask'], flags: { keep: 'failed' }, rest: ['ask'] },
  { args: ['--keep=failed'], flags: { keep: 'failed' }, rest: [] },
  { args: ['--reuse', 'ask', '--workspace', 'w'], flags: { reuse: true, workspace: 'w' }, rest: ['ask'] },
  { args: ['--reuse=0'], flags: { reuse: '0' }, rest: [] },
  { args: ['ask', '--reporter', 'dot', '-t', 'a name', '--bail=1'], flags: {}, rest: ['ask', '--reporter', 'dot', '-t', 'a name', '--bail=1'] },
  { args: ['--', '--keep', 'failed'], flags: {}, rest: ['--keep', 'failed'] },
  { args: ['--cache-dir=a=b'], flags: { cacheDir: 'a=b' }, rest: [] },
])('$args: own flags are cut out, all others are left for vitest', ({ args, flags, rest }) => {
  expect(parseArguments(args)).toEqual({ flags, familyFlags: none, rest })
})

test('families take a name and a value, as often as there are names', () => {
  expect(parseArguments(['--source', 'stack=/s#main', '--source=proxy=/p', '--ref', 'stack=v1', '--port', 'main=2000'])).toEqual({
    flags: {}, rest: [], familyFlags: { sources: { stack: '/s#main', proxy: '/p' }, refs: { stack: 'v1' }, ports: { main: '2000' } },
  })
})

test("a suite's own options are flags too", () => {
  expect(parseArguments(['--wrapper-release', 'r'], { wrapperRelease: path('a release') }).flags).toEqual({ wrapperRelease: 'r' })
})

test.each([
  [['--keep'], /--keep needs a value/],
  [['--keep', '--reuse'], /--keep needs a value/],
  [['--workspace='], /--workspace needs a value, and it is empty/],
  [['--keep', 'failed', '--keep', 'never'], /--keep is given twice/],
  [['--source', 'stack'], /--source needs a name and a value/],
  [['--source', '=x'], /--source needs a name and a value/],
  [['--port', 'a=2000', '--port', 'a=2001'], /--port a is given twice/],
  [['--kep', 'failed'], /unknown option --kep[^]*did you mean --keep\?/],
  [['--restart-timout', '3'], /did you mean --restart-timeout\?/],
  [['--wrapper-releas', 'r'], /did you mean --wrapper-release\?/],
] as const)('%j is refused with what to type', (args, message) => {
  expect(() => parseArguments(args, { wrapperRelease: path('a release') })).toThrow(message)
})
