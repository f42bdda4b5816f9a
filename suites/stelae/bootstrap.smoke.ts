import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { bootstrap } from './lanes/bootstrap.ts'
import suite from './suite.ts'

export const test = laneSpec(suite, bootstrap)
