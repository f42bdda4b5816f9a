import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import suite from './suite.ts'
import { bootstrap } from './lanes/bootstrap.ts'

laneSpec(suite, bootstrap)
