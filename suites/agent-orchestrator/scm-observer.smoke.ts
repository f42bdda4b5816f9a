import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { scmObserver } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, scmObserver)
