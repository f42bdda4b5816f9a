import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { strayFilter } from './config.ts'

const folder = fileURLToPath(new URL('../testing/toy/suites/toy', import.meta.url))

test.each([
  [['run', 'smoke']], [['run', 'grow.smoke']], [['run', '/grow.smoke']], [['run', 'suites/toy/grow.smoke.ts']], [['run', 'grow.smoke.ts']], [['run', 'Grow.smoke']], [['grow.smoke']],
  [['run', '-t', 'grow']], [['run', '-t', 'gro.smoke']], [['run', '--testNamePattern', 'gro.smoke']], [['run', '--project', 'smoke', 'grow.smoke']], [['run', '--outputFile.json', 'gro.smoke']],
  // Of another program than vitest.
  [['plan', '--suite=toy', '--', '--project', '--', 'grow.smoke']],
])('%j passes', async (argv) => {
  expect(await strayFilter(argv, 'toy', folder)).toBeUndefined()
})

test.each([
  [['run', 'gro.smoke']], [['run', 'grow.smoke', 'gro.smoke']], [['run', '/gro.smoke']], [['run', 'gro.smoke.ts']], [['gro.smoke']],
  // A switch has no value: what follows it is a filter.
  [['run', '--run', 'gro.smoke', 'look.smoke']], [['run', '--passWithNoTests', 'gro.smoke']], [['run', '--bail', '1', 'gro.smoke']],
])('%j is refused', async (argv) => {
  expect((await strayFilter(argv, 'toy', folder))?.message).toMatch(/no lane for the filter "\/?gro\.smoke(?:\.ts)?"\n {2}next: did you mean grow\.smoke\?/)
})
