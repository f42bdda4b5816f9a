import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { wait } from './suite.ts'

laneSpec(suite, wait)
