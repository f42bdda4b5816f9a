import { existsSync } from 'node:fs'
import { afterEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../../harness/testing/child-run.ts'

let run: ChildRun | undefined
afterEach(() => run?.dispose())

test.each([
  { what: 'no source of Stelae', env: {}, words: /the source "stelae" is not known here[^]*SMOKE_SOURCE_STELAE=\/path\/or\/url/ },
  { what: 'a source that is not there', env: { SMOKE_SOURCE_STELAE: '/no/stelae' }, words: /the source \/no\/stelae does not exist here/ },
  { what: 'a mistyped option', env: { SMOKE_SOURCE_STELAE: '/', SMOKE_INSTAL_FLAVOUR: 'real' }, words: /did you mean SMOKE_INSTALL_FLAVOUR/ },
])('$what ends with 2 before anything is made', async ({ env, words }) => {
  run = startChildRun(['run', 'smoke'], { SMOKE_SUITE: 'stelae', STELAE_PROXY_SOURCE: 'https://example.invalid/proxy.git', ...env })
  expect(await run.ended(50_000), run.output()).toBe(2)
  expect(run.output()).toMatch(words)
  expect(run.leftovers()).toEqual([])
  expect(existsSync(run.results)).toBe(false)
})
