import { appendFileSync, existsSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import type { SerializedError } from 'vitest'
import type { TestModule, TestProject, Vitest } from 'vitest/node'
import { runRecord, type ProgressEvent, type RunRecord, type TestRecord } from '../harness/record.ts'
import { cutText } from './head-and-tail.ts'
import { allLanes, goOnCommand, optionsAgain } from '../harness/go-on.ts'
import { redactorOfThisProcess } from '../harness/redaction/of-this-process.ts'
import { laneOfFile } from '../harness/vitest/lane-file.ts'
import { rememberedRun } from '../harness/vitest/this-run.ts'
import { buildRunRecord, type LaneTests } from './build-run-record.ts'
import { annotations } from './github.ts'
import { parseProgress, readProgress } from './progress-file.ts'
import { readRunFile, type RunFile } from './run-file.ts'
import { summaryLimit, summaryMarkdown } from './summary.ts'
import { closingLines, paintFor } from './terminal.ts'
import { trimFiles } from './trim-files.ts'
import { writeReports } from './write-reports.ts'
import { withoutTerminalCodes } from './xml-text.ts'

/**
 * A vitest global setup that makes nothing; its teardown writes the reports. Listed before the harness's, it runs after
 * it, when it is known what was left behind. It does not depend on which reporters the user chose.
 */
export default function setup(project: TestProject): () => void {
  // One that was inherited belongs to another run, whose reports are not ours to write.
  delete process.env.SMOKE_RUN_FILE
  let interrupted = false
  project.vitest.onCancel((reason) => { interrupted ||= reason === 'keyboard-input' })
  return () => {
    const runFile = process.env.SMOKE_RUN_FILE
    if (runFile === undefined) return
    delete process.env.SMOKE_RUN_FILE
    try {
      report(project.vitest, readRunFile(runFile), interrupted)
    } catch (error) {
      complain(`the reports could not be written: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

function report(vitest: Vitest, runFile: RunFile, interrupted: boolean): void {
  const { results, workspace, junitAttachments } = runFile
  const record = recordOf(vitest, runFile, interrupted)
  const goOn = redacted(goOnIn(runFile))
  const attempts: [what: string, work: () => readonly string[]][] = [
    ['a long file could not be shortened', () => trimFiles(results)],
    ['the reports could not be written', () => writeReports(record, results, { attachments: junitAttachments, workspace, goOn })],
  ]
  if (wasRun(vitest, record)) {
    attempts.push(['the closing lines could not be shown', () => {
      const paint = paintFor(process.env, process.stdout.isTTY)
      process.stdout.write(`${closingLines(record, { ...runFile, cwd: process.cwd(), goOn }, paint).join('\n')}\n`)
      return []
    }])
    if (process.env.GITHUB_ACTIONS === 'true') attempts.push(['GitHub could not be told', () => tellGitHub(vitest, record, { results, workspace, goOn })])
  }
  // One that fails costs itself; it is said last, where it is seen.
  attempts.flatMap(([what, work]) => {
    try {
      return work()
    } catch (error) {
      return [`${what}: ${error instanceof Error ? error.message : String(error)}`]
    }
  }).forEach(complain)
}

/** Annotations beside the lanes' files, and the summary of the job's step, as far as there is room. */
function tellGitHub(vitest: Vitest, record: RunRecord, places: Parameters<typeof summaryMarkdown>[1]): string[] {
  const root = process.env.GITHUB_WORKSPACE ?? process.cwd()
  const files = new Map(vitest.state.getTestModules().map(({ moduleId }) => [laneOfFile(moduleId), relative(root, moduleId)]))
  process.stdout.write(annotations(record, (lane) => files.get(lane)).map((line) => `${line}\n`).join(''))
  const file = process.env.GITHUB_STEP_SUMMARY
  if (file === undefined || file === '') return []
  const stat = statSync(file, { throwIfNoEntry: false })
  // A pipe that nobody reads would hold the run for ever.
  if (stat && !stat.isFile()) return [`GITHUB_STEP_SUMMARY=${JSON.stringify(file)} is no plain file: the summary is in summary.md alone`]
  const taken = stat?.size ?? 0
  appendFileSync(file, summaryMarkdown(record, places, Math.max(1024, summaryLimit - taken)))
  return []
}

const complain = (problem: string): void => { process.stderr.write(`clone-smoke: ${problem}\n`) }

/** `vitest list` sets up and tears down without running anything. */
const wasRun = (vitest: Vitest, record: RunRecord): boolean =>
  record.lanes.some(({ startedAt }) => startedAt !== undefined)
  || lanesOf(vitest).some(({ tests, errors }) => errors.length > 0 || tests.some(({ status }) => status !== 'not-run'))

function recordOf(vitest: Vitest, runFile: RunFile, interrupted: boolean): RunRecord {
  // What vitest tells of a check was written by nobody yet.
  return runRecord.parse(redactorOfThisProcess().value(buildRunRecord({
    identity: runFile,
    events: eventsOf(runFile),
    lanes: lanesOf(vitest),
    errors: vitest.state.getUnhandledErrors().map((error) => messageOf(error as SerializedError)),
    interrupted,
    // The lane of a run that goes on has no spec of its own.
    reproduce: (lane) => redacted(lane === 'resume' ? goOnIn(runFile) : reproduceCommand(lane, process.env)),
  })))
}

const goOnIn = ({ workspace, filters = allLanes }: RunFile): string => goOnCommand(workspace, process.env, filters)

/** A command for the terminal and the reports: a source may be an address with a password. */
export const redacted = (command: string): string => redactorOfThisProcess().text(command)

/** The command that runs a lane again as it was run, in a workspace that is kept if it fails again. */
export function reproduceCommand(lane: string, env: NodeJS.ProcessEnv): string {
  return `${optionsAgain(env, ['SMOKE_RESULTS'])}SMOKE_KEEP=failed npx vitest run ${lane}.smoke`
}

/** From the memory of this process; else from the results; where the copy failed and the workspace was kept, from there. */
function eventsOf({ run, results, workspace }: RunFile): ProgressEvent[] {
  const remembered = rememberedRun()
  if (remembered?.run === run && remembered.progress !== '') return parseProgress(remembered.progress)
  const file = [results, workspace].map((folder) => join(folder, 'progress.ndjson')).find((path) => existsSync(path))
  return file === undefined ? [] : readProgress(file)
}

function lanesOf(vitest: Vitest): LaneTests[] {
  return vitest.state.getTestModules().flatMap((module): LaneTests[] => {
    const lane = laneOfFile(module.moduleId)
    return lane === undefined ? [] : [{ lane, tests: testsOf(module), errors: module.errors().map((error) => messageOf(error)) }]
  })
}

function testsOf(module: TestModule): TestRecord[] {
  return [...module.children.allTests()].map((test): TestRecord => {
    const result = test.result()
    const attempts = result.state === 'pending' || result.state === 'skipped' ? [] : (result.errors ?? []).map(messageOf)
    // With `--retry` each attempt leaves its error; the last one tells of the test that failed.
    const tried = (test.diagnostic()?.retryCount ?? 0) > 0
    const message = result.state === 'failed' ? (tried ? attempts.at(-1) : attempts.join('\n')) : result.state === 'skipped' ? result.note : undefined
    const failedAttempts = tried ? (result.state === 'failed' ? attempts.slice(0, -1) : attempts) : []
    return {
      name: test.name, status: result.state === 'pending' ? 'not-run' : result.state, durationMs: test.diagnostic()?.duration ?? 0,
      ...(message !== undefined && { message }),
      ...(failedAttempts.length > 0 && { failedAttempts }),
    }
  })
}

/** A check may compare megabytes: nobody reads them in a message, and the reports carry it several times. Characters. */
const messageLimit = 32 * 1024

/** What was expected, what came, and where: without colours, and without the frames inside packages. */
function messageOf(error: Partial<SerializedError>): string {
  const where = error.stacks?.find(({ file }) => !file.includes('/node_modules/'))
  const lines = [
    error.message ?? 'an error without a message',
    ...(typeof error.diff === 'string' ? [error.diff] : []),
    ...(where && error.name !== 'VerdictError' ? [`at ${where.file}:${where.line}`] : []),
  ]
  return cutText(withoutTerminalCodes(lines.join('\n')), messageLimit)
}
