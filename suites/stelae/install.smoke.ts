import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { install } from './lanes/install.ts'
import suite from './suite.ts'

export const test = laneSpec(suite, install)
