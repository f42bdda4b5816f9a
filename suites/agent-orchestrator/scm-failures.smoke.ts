import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { scmFailures } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, scmFailures)
