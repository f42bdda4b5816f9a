import { expect, test } from 'vitest'
import { filtersOf, goOnCommand } from './go-on.ts'

const lanes = ['bootstrap', 'install', 'remove']

test.each([
  ['all lanes', { lanes, selected: ['remove', 'bootstrap', 'install'], bootstrapOnly: false }, ['smoke']],
  ['one lane', { lanes, selected: ['install'], bootstrapOnly: false }, ['install.smoke']],
  ['some lanes, in their order', { lanes, selected: ['remove', 'install'], bootstrapOnly: false }, ['install.smoke', 'remove.smoke']],
  ['the first lane alone, of one that was asked for', { lanes, selected: ['bootstrap'], bootstrapOnly: true }, ['smoke']],
  ['a suite of one lane', { lanes: ['bootstrap'], selected: ['bootstrap'], bootstrapOnly: false }, ['smoke']],
])('a run of %s goes on with %j: %j', (_what, asked, filters) => {
  expect(filtersOf({ lanes: asked.lanes, selected: asked.selected, options: { bootstrapOnly: asked.bootstrapOnly } })).toEqual(filters)
})

test('the command has what the run was given, and the lanes', () => {
  expect(goOnCommand('/a b', { SMOKE_SUITE: 'mine', SMOKE_KEEP: 'always', SMOKE_REF_STACK: '', SMOKE_OF_THE_SUITE: 'x y', SMOKE_SANDBOX_ID: 'z', HOME: '/' }, ['install.smoke', 'remove.smoke']))
    .toBe("SMOKE_SUITE=mine SMOKE_OF_THE_SUITE='x y' SMOKE_WORKSPACE='/a b' SMOKE_REUSE=1 npx vitest run install.smoke remove.smoke")
})
