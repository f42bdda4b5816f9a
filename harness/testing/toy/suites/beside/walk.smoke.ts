import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { walk } from './suite.ts'

laneSpec(suite, walk)
