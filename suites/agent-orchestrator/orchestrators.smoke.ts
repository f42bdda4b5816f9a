import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { orchestrators } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, orchestrators)
