import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { spawn } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, spawn)
