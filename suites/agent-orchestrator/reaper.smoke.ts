import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { reaper } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, reaper)
