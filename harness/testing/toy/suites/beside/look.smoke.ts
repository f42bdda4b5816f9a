import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { look } from './suite.ts'

laneSpec(suite, look)
