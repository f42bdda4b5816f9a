import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { projects } from './lanes.ts'
import suite from './suite.ts'

laneSpec(suite, projects)
