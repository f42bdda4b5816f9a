import { lstatSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { LaneRecord, StepRecord, TestRecord } from '../harness/record.ts'

export interface TestFiles {
  /** Logs and transcripts whose text stands in a report, also where they cannot be read. */
  readonly shown: readonly { readonly file: string; readonly isInside: boolean }[]
  /** Files that are there and can be attached, relative to the results. */
  readonly files: readonly string[]
}

/** The files of the step that a test is about; of a call of a stage that failed, those of its stage. */
export function filesOfTest(test: TestRecord, step: StepRecord | undefined, lane: LaneRecord, results: string): TestFiles {
  // A call of a stage has no files of its own: where it failed, the stage's are what a person wants.
  const source = step ?? (test.status === 'failed' ? stageAround(test, lane) : undefined)
  if (!source) return { shown: [], files: [] }
  const { stage, logs } = source
  const streams = stage ? [stage.transcript, ...(stage.stderr === undefined ? [] : [stage.stderr])] : []
  const files = [...logs, ...streams, ...(stage?.modelLog === undefined ? [] : [stage.modelLog])]
  // A record names files by paths inside the results; any other is not ours to show.
  const isInside = (file: string): boolean => !/^\.\.(?:[/\\]|$)/.test(relative(results, join(results, file)))
  return {
    shown: (step ? [...logs, ...streams] : []).map((file) => ({ file, isInside: isInside(file) })),
    files: files.filter((file) => isInside(file) && isFile(join(results, file))),
  }
}

/** The stage that a test is about: three tests follow it for each of its calls. */
function stageAround(test: TestRecord, lane: LaneRecord): StepRecord | undefined {
  const at = lane.tests.indexOf(test)
  return lane.steps.find(({ name, stage }) => {
    const stageAt = lane.tests.findIndex((one) => one.name === name)
    return stage !== undefined && stageAt >= 0 && at > stageAt && at <= stageAt + 3 * stage.calls.length
  })
}

const isFile = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false })?.isFile() === true
