import { laneSpec } from '../../harness/vitest/lane-spec.ts'
import { bundleTools } from './lanes/bundle-tools.ts'
import suite from './suite.ts'

export const test = laneSpec(suite, bundleTools)
