import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { verifyClean } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, verifyClean)
