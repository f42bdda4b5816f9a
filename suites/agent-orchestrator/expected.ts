import type { ExpectedFinding } from '../../harness/suite.ts'

export const expectedFindings = (_facts: object): ExpectedFinding[] => []
