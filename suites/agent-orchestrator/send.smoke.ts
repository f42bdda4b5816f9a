import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { send } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, send)
