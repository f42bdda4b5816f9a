import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { verifyClean } from './lanes/verify-clean.ts'
import suite from './suite.ts'

export const test = laneSpec(suite, verifyClean)
