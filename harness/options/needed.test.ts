import { expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import type { Source } from '../suite.ts'
import { neededOf } from './needed.ts'

const find = (): Promise<string> => Promise.resolve('1')
const suite = {
  prerequisites: [{ name: 'git', find }, { name: 'go', find, unless: 'appBin' }],
  sources: { app: { kind: 'asked', what: 'a checkout', unless: 'appBin' }, docs: { kind: 'git', url: '/docs' } } satisfies Record<string, Source>,
}
const names = (own: Record<string, unknown>, sources: Record<string, string> = {}): [string[], string[]] => {
  const needed = neededOf(suite, { own, sources })
  return [needed.prerequisites.map(({ name }) => name), Object.keys(needed.sources)]
}

test('all that a suite declares is needed, but for what an option stands in for', () => {
  expect(names({ appBin: undefined })).toEqual([['git', 'go'], ['app', 'docs']])
  expect(names({ appBin: '/bin/app' })).toEqual([['git'], ['docs']])
  expect(names({ appBin: '/bin/app' }, { docs: '/other' })).toEqual([['git'], ['docs']])
})

test('an option and the source it stands in for are not both taken', () => {
  const both = (): unknown => names({ appBin: '/bin/app' }, { app: '/src' })
  expect(both).toThrow(UsageError)
  expect(both).toThrow('SMOKE_APP_BIN="/bin/app" stands in for the source "app", which is named too: SMOKE_SOURCE_APP="/src"')
})
