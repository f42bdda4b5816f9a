import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { remove } from './lanes/remove.ts'
import suite from './suite.ts'

export const test = laneSpec(suite, remove)
