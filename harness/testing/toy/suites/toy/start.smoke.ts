import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { start } from './suite.ts'

export const test = laneSpec(suite, start)
