import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { hooks } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, hooks)
