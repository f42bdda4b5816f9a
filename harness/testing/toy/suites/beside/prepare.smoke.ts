import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { prepare } from './suite.ts'

laneSpec(suite, prepare)
