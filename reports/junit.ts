import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { XMLBuilder } from 'fast-xml-parser'
import type { LaneRecord, RunRecord, StepRecord, TestRecord } from '../harness/record.ts'
import { xmlText } from './xml-text.ts'

/** How much of a log stands in the report itself, half from its head and half from its tail. Bytes. */
const logLimit = 64 * 1024

/**
 * A run as JUnit XML: one testsuite per lane, and one for the teardown. Valid against junit-10.xsd of Jenkins' xunit
 * plugin: no properties inside a testcase, one system-out each, times with three decimals.
 * @param results folder of the run; attachments are absolute paths inside it
 */
export function junitXml(record: RunRecord, results: string): string {
  const suites = [...record.lanes.map((lane) => suiteOf(record, lane, results)), teardownSuite(record)]
  const sum = (key: '@tests' | '@failures' | '@errors'): number => suites.reduce((total, suite) => total + suite[key], 0)
  const document = {
    '?xml': { '@version': '1.0', '@encoding': 'UTF-8' },
    testsuites: {
      '@name': `clone-smoke ${record.suite}`, '@tests': sum('@tests'), '@failures': sum('@failures'), '@errors': sum('@errors'),
      '@time': seconds(record.durationMs), testsuite: suites,
    },
  }
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- fast-xml-builder is the same code under a new name; one package writes here and reads in the tests
  return new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', format: true, suppressEmptyNode: true, processEntities: true }).build(document)
}

interface TestCase {
  readonly '@name': string
  readonly '@classname': string
  readonly '@time': string
  readonly failure?: object
  readonly skipped?: object
  readonly 'system-out'?: string
}

interface TestSuite {
  readonly '@name': string
  readonly '@tests': number
  readonly '@failures': number
  readonly '@errors': number
  readonly '@skipped': number
  readonly '@time': string
  readonly '@timestamp': string
  readonly properties?: { readonly property: readonly object[] }
  readonly testcase: readonly TestCase[]
}

function suiteOf(record: RunRecord, lane: LaneRecord, results: string): TestSuite {
  const className = xmlText(`${record.suite}.${lane.name}`)
  const tests = testsOf(lane)
  const cases = tests.map((test): TestCase => {
    const step = lane.steps.find(({ name }) => name === test.name)
    return {
      '@name': xmlText(test.name), '@classname': className, '@time': seconds(test.durationMs),
      ...outcomeOf(test, step, lane), ...outputOf(test, step, lane, results),
    }
  })
  return suite(`${record.suite}.${lane.name}${lane.purpose === 'set-up' ? ' (set-up)' : ''}`, cases, {
    durationMs: lane.durationMs, timestamp: lane.startedAt ?? record.startedAt, facts: record.facts,
  })
}

/** A lane that only ran as set-up, or never ran, has no tests of its own: its steps stand for them. */
function testsOf(lane: LaneRecord): readonly TestRecord[] {
  if (lane.tests.length > 0) return lane.tests
  const steps = lane.steps.map((step): TestRecord => ({
    name: step.name, status: step.status === 'running' ? 'not-run' : step.status, durationMs: step.durationMs,
    ...((step.verdict ?? step.reason) !== undefined && { message: step.verdict?.diagnosis ?? step.reason ?? '' }),
  }))
  return steps.length > 0 ? steps : [{ name: lane.name, status: 'not-run', durationMs: 0, message: lane.reason ?? 'not run' }]
}

function teardownSuite(record: RunRecord): TestSuite {
  const problems = [...record.errors, ...(record.teardown?.leftovers ?? [])]
  const one: TestCase = {
    '@name': 'nothing is left behind', '@classname': xmlText(`${record.suite}.teardown`), '@time': seconds(record.teardown?.durationMs ?? 0),
    ...(problems.length > 0 && { failure: failure('leak', problems.join('\n')) }),
    ...(problems.length === 0 && record.teardown === null && { skipped: { '@message': 'the teardown did not run to its end' } }),
  }
  return suite(`${record.suite}.teardown`, [one], { durationMs: record.teardown?.durationMs ?? 0, timestamp: record.startedAt, facts: {} })
}

function suite(
  name: string, testcase: readonly TestCase[], about: { durationMs: number; timestamp: string; facts: Readonly<Record<string, string>> },
): TestSuite {
  const property = Object.entries(about.facts).map(([key, value]) => ({ '@name': xmlText(key), '@value': xmlText(value) }))
  return {
    '@name': xmlText(name), '@tests': testcase.length,
    '@failures': testcase.filter((one) => one.failure !== undefined).length, '@errors': 0,
    '@skipped': testcase.filter((one) => one.skipped !== undefined).length,
    '@time': seconds(about.durationMs), '@timestamp': about.timestamp,
    ...(property.length > 0 && { properties: { property } }),
    testcase,
  }
}

function outcomeOf(test: TestRecord, step: StepRecord | undefined, lane: LaneRecord): Pick<TestCase, 'failure' | 'skipped'> {
  const message = test.message ?? ''
  switch (test.status) {
    case 'passed':
      return {}
    case 'failed':
      return { failure: failure(step?.verdict?.class ?? lane.verdict?.class ?? 'check-failed', step?.verdict?.diagnosis ?? message, message) }
    case 'skipped':
      return { skipped: { '@message': xmlText(message === '' ? 'skipped' : message) } }
    case 'not-run':
      return { skipped: { '@message': xmlText(message === '' ? 'not run: the run ended before it' : message) } }
  }
}

const failure = (type: string, message: string, text = message): object => ({ '@type': type, '@message': xmlText(message), '#text': xmlText(text) })

function outputOf(test: TestRecord, step: StepRecord | undefined, lane: LaneRecord, results: string): Pick<TestCase, 'system-out'> {
  // A call of a stage has no files of its own: where it failed, the stage's are what a person wants.
  const source = step ?? (test.status === 'failed' ? lane.steps.find(({ stage }) => stage !== undefined) : undefined)
  if (!source) return {}
  const { stage } = source
  const files = [...source.logs, ...(stage ? [stage.transcript, stage.stderr, ...(stage.modelLog === undefined ? [] : [stage.modelLog])] : [])]
  const shown = step ? [...source.logs, ...(stage ? [stage.transcript, stage.stderr] : [])] : []
  const text = [
    ...shown.map((file) => `--- ${file}\n${headAndTail(join(results, file))}`),
    ...files.map((file) => `[[ATTACHMENT|${join(results, file)}]]`),
  ].join('\n')
  return text === '' ? {} : { 'system-out': xmlText(text) }
}

/** A file, or its head and tail with a line that says how much is missing between them. */
export function headAndTail(file: string, limit = logLimit): string {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    return `(cannot be read: ${error instanceof Error ? error.message : String(error)})`
  }
  try {
    const { size } = fstatSync(descriptor)
    if (size <= limit) return read(descriptor, 0, size)
    const half = Math.floor(limit / 2)
    return `${read(descriptor, 0, half)}\n... ${size - 2 * half} bytes left out, see the attachment ...\n${read(descriptor, size - half, half)}`
  } finally {
    closeSync(descriptor)
  }
}

function read(descriptor: number, position: number, length: number): string {
  const buffer = Buffer.alloc(length)
  return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position)).toString('utf8')
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3)
