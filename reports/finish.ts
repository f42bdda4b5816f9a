import { readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { SerializedError } from 'vitest'
import type { TestModule, TestProject, Vitest } from 'vitest/node'
import { runRecord, type RunRecord, type TestRecord } from '../harness/record.ts'
import { laneOfFile } from '../harness/vitest/lane-file.ts'
import { buildRunRecord, type LaneTests } from './build-run-record.ts'
import { junitXml } from './junit.ts'
import { readProgress } from './progress-file.ts'
import { closingLines, paintFor } from './terminal.ts'

/**
 * A vitest global setup that makes nothing; its teardown writes the reports. Listed before the harness's, it runs after
 * it, when it is known what was left behind. It does not depend on which reporters the user chose.
 */
export default function setup(project: TestProject): () => void {
  return () => {
    const runFile = process.env.SMOKE_RUN_FILE
    if (runFile === undefined) return
    delete process.env.SMOKE_RUN_FILE
    const { results } = JSON.parse(readFileSync(runFile, 'utf8')) as { results: string }
    try {
      const record = recordOf(project, results)
      writeWhole(join(results, 'run.json'), `${JSON.stringify(record, null, 2)}\n`)
      writeWhole(join(results, 'junit.xml'), junitXml(record, results))
      pointLatestTo(results)
      if (wasRun(project)) {
        const paint = paintFor(process.env, process.stdout.isTTY)
        process.stdout.write(`${closingLines(record, results, process.cwd(), paint).join('\n')}\n`)
      }
    } catch (error) {
      process.stderr.write(`\nclone-smoke: the reports could not be written to ${results}: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}

/** `vitest list` sets up and tears down without running anything. */
const wasRun = (project: TestProject): boolean => lanesOf(project.vitest).some(({ tests }) => tests.some(({ status }) => status !== 'not-run'))

function recordOf(project: TestProject, results: string): RunRecord {
  const { vitest } = project
  const suite = process.env.SMOKE_SUITE
  return runRecord.parse(buildRunRecord({
    events: readProgress(join(results, 'progress.ndjson')),
    lanes: lanesOf(vitest),
    errors: vitest.state.getUnhandledErrors().map((error) => messageOf(error as SerializedError)),
    // 128 and above: a signal asked for the end.
    interrupted: Number(process.exitCode ?? 0) > 128,
    reproduce: (lane) => `${suite === undefined || suite === '' ? '' : `SMOKE_SUITE=${suite} `}SMOKE_KEEP=failed npx vitest run ${lane}.smoke`,
  }))
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
    const message = result.state === 'failed' ? result.errors.map(messageOf).join('\n') : result.state === 'skipped' ? result.note : undefined
    return {
      name: test.name, status: result.state === 'pending' ? 'not-run' : result.state, durationMs: test.diagnostic()?.duration ?? 0,
      ...(message !== undefined && { message }),
    }
  })
}

/** What was expected, what came, and where: without the frames inside packages. */
function messageOf(error: Partial<SerializedError>): string {
  const where = error.stacks?.find(({ file }) => !file.includes('/node_modules/'))
  return [
    error.message ?? 'an error without a message',
    ...(typeof error.diff === 'string' ? [error.diff] : []),
    ...(where && error.name !== 'VerdictError' ? [`at ${where.file}:${where.line}`] : []),
  ].join('\n')
}

/** A reader sees the old file or the new one, never half of it. */
function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

/** Points `latest` beside the results to them; where links are not to be had, `latest` is a file with the name. */
function pointLatestTo(results: string): void {
  const latest = join(dirname(results), 'latest')
  const next = `${latest}.${process.pid}`
  try {
    rmSync(next, { force: true })
    symlinkSync(basename(results), next)
  } catch {
    writeFileSync(next, `${basename(results)}\n`)
  }
  renameSync(next, latest)
}
