import { laneSpec } from '../../../../vitest/lane-spec.ts'
import suite, { examine } from './suite.ts'

laneSpec(suite, examine)
