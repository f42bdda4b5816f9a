import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { prClaim } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, prClaim)
