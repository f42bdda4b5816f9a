import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { allLanes } from '../harness/go-on.ts'
import { rememberedRun } from '../harness/vitest/this-run.ts'

/** What `run-file.json` says about the run it belongs to. */
export interface RunFile {
  readonly run: string
  readonly suite: string
  readonly workspace: string
  readonly results: string
  /** See `junitAttachments` among the options. */
  readonly junitAttachments?: 'absolute' | 'relative'
  /** Vitest's filters for a run that goes on; files of earlier versions have none. */
  readonly filters?: readonly string[]
}

/** The run of this process is known without its file, too. @throws when the file is not there or is no run file */
export function readRunFile(file: string): RunFile {
  const remembered = rememberedRun()
  if (remembered && join(remembered.results, 'run-file.json') === file) return remembered
  const content = JSON.parse(readFileSync(file, 'utf8')) as Partial<RunFile>
  const { run, suite, workspace, results, junitAttachments = 'absolute', filters = allLanes } = content
  if (run === undefined || suite === undefined || workspace === undefined || results === undefined) {
    throw new Error(`${file} does not name its run, suite, workspace and results`)
  }
  return { run, suite, workspace, results, junitAttachments, filters }
}
