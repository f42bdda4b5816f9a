import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { grow } from './suite.ts'

export const test = laneSpec(suite, grow)

test('the author sees what the lane added', ({ facts, expect }) => {
  expect(facts.extra).toBe(process.env.TOY_FAULT === 'grown' ? 2 : 1)
})
