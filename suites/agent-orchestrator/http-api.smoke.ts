import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { httpApi } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, httpApi)
