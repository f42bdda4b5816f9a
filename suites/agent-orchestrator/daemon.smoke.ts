import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { daemon } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, daemon)
