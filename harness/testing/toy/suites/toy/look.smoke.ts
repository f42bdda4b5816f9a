import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { look } from './suite.ts'

export const test = laneSpec(suite, look)

test('the author sees the facts of the lane', ({ facts, expect }) => {
  expect(facts.greeting).toBe(process.env.TOY_FAULT === 'check' ? 'something else' : 'hello')
})
