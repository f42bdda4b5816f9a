import { expect, test } from 'vitest'
import { routeBetween } from './route.ts'

const lanes = [
  { name: 'boot', needs: 'nothing', leaves: 'up' },
  { name: 'look', needs: 'up', leaves: 'up' },
  { name: 'add', needs: 'up', leaves: 'added' },
  { name: 'add-twice', needs: 'added', leaves: 'twice' },
  { name: 'take-away', needs: 'added', leaves: 'up' },
  { name: 'jump', needs: 'up', leaves: 'twice' },
]

test.each([
  ['nothing', 'nothing', []],
  ['nothing', 'up', ['boot']],
  ['nothing', 'added', ['boot', 'add']],
  ['added', 'up', ['take-away']],
  ['nothing', 'twice', ['boot', 'jump']],
  ['up', 'nothing', undefined],
  ['nowhere', 'up', undefined],
])('from %s to %s: %j', (from, to, names) => {
  expect(routeBetween(lanes, from, to)?.map(({ name }) => name)).toEqual(names)
})
