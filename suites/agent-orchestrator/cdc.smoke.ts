import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { cdc } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, cdc)
