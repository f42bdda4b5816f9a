import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { use } from './suite.ts'

const test = laneSpec(suite, use)

test('it has the facts', ({ facts, expect }) => {
  expect(facts.colour).toMatch(/blue|none/)
})
