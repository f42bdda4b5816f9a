import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { paint } from './suite.ts'

laneSpec(suite, paint)
