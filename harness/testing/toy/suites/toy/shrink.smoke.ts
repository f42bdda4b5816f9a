import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { shrink } from './suite.ts'

export const test = laneSpec(suite, shrink)
