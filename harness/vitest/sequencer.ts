import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { laneOfFile } from './lane-file.ts'

/** Puts lane files in the order their suite declares; leaves all others as vitest sorts them. */
export class LaneSequencer extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files)
    const rank = (spec: TestSpecification): number => {
      const lane = laneOfFile(spec.moduleId)
      return lane === undefined ? -1 : spec.project.getProvidedContext().smokeRun.lanes.indexOf(lane)
    }
    return sorted
      .map((spec, index) => ({ spec, index, rank: rank(spec) }))
      .sort((a, b) => a.rank - b.rank || a.index - b.index)
      .map(({ spec }) => spec)
  }
}
