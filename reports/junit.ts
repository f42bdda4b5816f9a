import { lstatSync } from 'node:fs'
import { join, relative } from 'node:path'
import { XMLBuilder } from 'fast-xml-parser'
import type { LaneRecord, RunRecord, StepRecord, TestRecord } from '../harness/record.ts'
import { verdictClasses } from '../harness/verdict.ts'
import { cutText, headAndTail } from './head-and-tail.ts'
import { xmlText } from './xml-text.ts'

/** How much of its logs stands in a testcase, half from their heads and half from their tails. Bytes. */
const logLimit = 64 * 1024
/** A failure's message is a line in a list; the whole text is its body. Characters. */
const messageLimit = 4096

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
  readonly error?: object
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

/**
 * A lane that only ran as set-up, or never ran, has no tests of its own: its steps stand for them. A lane that failed
 * where no test could see it gets a test that says so.
 */
function testsOf(lane: LaneRecord): readonly TestRecord[] {
  const steps = lane.steps.map((step): TestRecord => ({
    name: step.name, status: step.status === 'running' ? 'not-run' : step.status, durationMs: step.durationMs,
    ...(step.status === 'running'
      ? { message: 'not finished: the run ended while it was running' }
      : (step.verdict ?? step.reason) !== undefined && { message: step.verdict?.diagnosis ?? step.reason ?? '' }),
  }))
  const ran = lane.tests.some(({ status }) => status === 'passed' || status === 'failed')
  const tests = ran || steps.length === 0 ? lane.tests : steps
  if (lane.status === 'failed' && !tests.some(({ status }) => status === 'failed')) {
    const message = lane.verdict ? `${lane.verdict.class}: ${lane.verdict.diagnosis}` : lane.reason ?? 'the lane failed'
    return [...tests, { name: `lane ${lane.name}`, status: 'failed', durationMs: 0, message }]
  }
  return tests.length > 0 ? tests : [{ name: lane.name, status: 'not-run', durationMs: 0, message: lane.reason ?? 'not run' }]
}

function teardownSuite(record: RunRecord): TestSuite {
  const about = { '@classname': xmlText(`${record.suite}.teardown`), '@time': seconds(record.teardown?.durationMs ?? 0) }
  const { leftovers = [], hostChanges = [] } = record.teardown ?? {}
  const cases: TestCase[] = [{
    '@name': 'nothing is left behind', ...about,
    ...(leftovers.length > 0 && { failure: failure('leak', leftovers.join('\n')) }),
    ...(record.teardown === null && { skipped: { '@message': 'not run: the teardown did not come to its end' } }),
  }, {
    '@name': 'nothing outside the sandbox is changed', ...about, '@time': seconds(0),
    ...(hostChanges.length > 0 && { failure: failure('leak', hostChanges.join('\n')) }),
    ...(record.teardown === null && { skipped: { '@message': 'not run: the teardown did not come to its end' } }),
  }]
  if (record.errors.length > 0) {
    cases.push({ '@name': 'no error outside the lanes', ...about, '@time': seconds(0), error: failure('harness-bug', record.errors.join('\n')) })
  }
  return suite(`${record.suite}.teardown`, cases, { durationMs: record.teardown?.durationMs ?? 0, timestamp: record.startedAt, facts: {} })
}

function suite(
  name: string, testcase: readonly TestCase[], about: { durationMs: number; timestamp: string; facts: Readonly<Record<string, string>> },
): TestSuite {
  const property = Object.entries(about.facts).map(([key, value]) => ({ '@name': xmlText(key), '@value': xmlText(value) }))
  return {
    '@name': xmlText(name), '@tests': testcase.length,
    '@failures': testcase.filter((one) => one.failure !== undefined).length, '@errors': testcase.filter((one) => one.error !== undefined).length,
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
    case 'failed': {
      const told = step?.verdict ?? verdictIn(message) ?? { class: 'check-failed', diagnosis: message }
      return { failure: failure(told.class, told.diagnosis, message === '' ? lane.verdict?.diagnosis : message) }
    }
    case 'skipped':
      return { skipped: { '@message': xmlText(message === '' ? 'skipped' : message) } }
    case 'not-run':
      return { skipped: { '@message': xmlText(message === '' ? 'not run: the run ended before it' : message) } }
  }
}

/** The verdict that a test's message begins with, as `describeVerdict` writes it. */
function verdictIn(message: string): { class: string; diagnosis: string } | undefined {
  const [, name = '', diagnosis = ''] = /^([a-z-]+): ([^]*?)(?=\n {2}(?:evidence|next): |$)/.exec(message) ?? []
  return Object.hasOwn(verdictClasses, name) ? { class: name, diagnosis } : undefined
}

const failure = (type: string, message: string, text = message): object => ({
  '@type': type, '@message': xmlText(cutText(message, messageLimit)), '#text': xmlText(cutText(text, logLimit)),
})

/** The stage that a test is about: three tests follow it for each of its calls. */
function stageAround(test: TestRecord, lane: LaneRecord): StepRecord | undefined {
  const at = lane.tests.indexOf(test)
  return lane.steps.find(({ name, stage }) => {
    const stageAt = lane.tests.findIndex((one) => one.name === name)
    return stage !== undefined && stageAt >= 0 && at > stageAt && at <= stageAt + 3 * stage.calls.length
  })
}

function outputOf(test: TestRecord, step: StepRecord | undefined, lane: LaneRecord, results: string): Pick<TestCase, 'system-out'> {
  // A call of a stage has no files of its own: where it failed, the stage's are what a person wants.
  const source = step ?? (test.status === 'failed' ? stageAround(test, lane) : undefined)
  if (!source) return {}
  const { stage, logs } = source
  const streams = stage ? [stage.transcript, ...(stage.stderr === undefined ? [] : [stage.stderr])] : []
  const files = [...logs, ...streams, ...(stage?.modelLog === undefined ? [] : [stage.modelLog])]
  const shown = step ? [...logs, ...streams] : []
  const text = [
    ...shown.map((file) => `--- ${file}\n${shownText(results, file, Math.floor(logLimit / shown.length))}`),
    ...files.filter((file) => isInside(results, file) && isFile(join(results, file))).map((file) => `[[ATTACHMENT|${join(results, file)}]]`),
  ].join('\n')
  return text === '' ? {} : { 'system-out': xmlText(text) }
}

const shownText = (results: string, file: string, limit: number): string =>
  isInside(results, file) ? headAndTail(join(results, file), limit) : '(not shown: outside the results)'

/** A record names files by paths inside the results; any other is not ours to show. */
const isInside = (results: string, file: string): boolean => !/^\.\.(?:[/\\]|$)/.test(relative(results, join(results, file)))

const isFile = (file: string): boolean => lstatSync(file, { throwIfNoEntry: false })?.isFile() === true

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3)
