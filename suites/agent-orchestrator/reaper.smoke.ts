import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { reaper } from './lanes/reaper.ts'
import suite from './suite.ts'

laneSpec(suite, reaper)
