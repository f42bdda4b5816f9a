import { join, relative } from 'node:path'
import { XMLBuilder } from 'fast-xml-parser'
import type { LaneRecord, RunRecord, StepRecord, TestRecord } from '../harness/record.ts'
import { verdictClasses } from '../harness/verdict.ts'
import { filesOfTest } from './attachments.ts'
import { cutText, headAndTail } from './head-and-tail.ts'
import { testsOf } from './lane-tests.ts'
import { xmlText } from './xml-text.ts'

/** How much of its logs stands in a testcase, half from their heads and half from their tails. Bytes. */
const logLimit = 64 * 1024
/** A failure's message is a line in a list; the whole text is its body. Characters. */
const messageLimit = 4096
/** GitLab takes no bigger file (docs.gitlab.com, "Unit test reports"). Bytes. */
const fileLimit = 30_000_000

export interface JunitOptions {
  /** How attachments are named: Jenkins wants absolute paths, GitLab paths from the project's directory. Default: absolute. */
  readonly attachments?: 'absolute' | 'relative' | undefined
  /** Where relative paths begin. */
  readonly cwd?: string
  /** Bytes of the whole document; where it would be longer, its logs are cut shorter, and at last what failures say. */
  readonly fileLimit?: number
}

/**
 * A run as JUnit XML: one testsuite per lane, and one for the teardown. Valid against junit-10.xsd of Jenkins' xunit
 * plugin: no properties inside a testcase, one system-out each, times with three decimals. What failed at first and then
 * passed has a `flakyFailure` for each attempt, what failed again a `rerunFailure`, as Maven Surefire writes them.
 * @param results folder of the run; only what is in it is shown and attached
 */
export function junitXml(record: RunRecord, results: string, options: JunitOptions = {}): string {
  const limits = [[logLimit, logLimit], [logLimit / 4, logLimit], [logLimit / 16, logLimit], [0, logLimit], [0, messageLimit], [0, 300]] as const
  const most = options.fileLimit ?? fileLimit
  const shown = ({ attachments, cwd = process.cwd() }: JunitOptions) => (file: string): string => attachments === 'relative' ? relative(cwd, join(results, file)) : join(results, file)
  let xml = ''
  for (const [limit, texts] of limits) {
    xml = documentOf(record, { results, limit, texts, attached: shown(options) })
    if (Buffer.byteLength(xml) <= most) break
  }
  return xml
}

interface Shown {
  readonly results: string
  /** Bytes of its logs that stand in a testcase. */
  readonly limit: number
  /** Characters of what one failure says. */
  readonly texts: number
  /** The path of an attachment. */
  readonly attached: (file: string) => string
}

function documentOf(record: RunRecord, shown: Shown): string {
  const suites = [...record.lanes.map((lane) => suiteOf(record, lane, shown)), teardownSuite(record, shown)]
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
  readonly flakyFailure?: readonly object[]
  readonly rerunFailure?: readonly object[]
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

function suiteOf(record: RunRecord, lane: LaneRecord, shown: Shown): TestSuite {
  const className = xmlText(`${record.suite}.${lane.name}`)
  const tests = testsOf(lane)
  const cases = tests.map((test): TestCase => {
    const step = lane.steps.find(({ name }) => name === test.name)
    return {
      '@name': xmlText(test.name), '@classname': className, '@time': seconds(test.durationMs),
      ...outcomeOf(test, step, lane, shown), ...attemptsOf(test, shown), ...outputOf(test, step, lane, shown),
    }
  })
  return suite(`${record.suite}.${lane.name}${lane.purpose === 'set-up' ? ' (set-up)' : ''}`, cases, {
    durationMs: lane.durationMs, timestamp: lane.startedAt ?? record.startedAt, facts: { ...record.facts, ...agentsOf(record), ...figuresOf(lane) },
  })
}

/** Versions of the agents that played. */
const agentsOf = ({ lanes }: RunRecord): Record<string, string> =>
  Object.fromEntries(lanes.flatMap(({ steps }) => steps.flatMap(({ stage }) => stage && stage.agent.version !== '' ? [[`version.${stage.agent.name}`, stage.agent.version]] : [])))

/** What the lane took, and each of its steps of its budget. */
function figuresOf({ steps, durationMs, tests }: LaneRecord): Record<string, string> {
  const most = (of: 'peakMemoryBytes' | 'peakProcesses' | 'peakCpuPercent'): number => Math.max(0, ...steps.map(({ usage }) => usage?.[of] ?? 0))
  const flaky = tests.filter(({ status, failedAttempts = [] }) => status === 'passed' && failedAttempts.length > 0).length
  return {
    'duration.seconds': seconds(durationMs),
    ...Object.fromEntries(steps.flatMap(({ name, durationMs: took, budgetMs }) => [[`step.${name}.seconds`, seconds(took)], [`step.${name}.budget.seconds`, seconds(budgetMs)]])),
    ...(steps.some(({ usage }) => usage !== undefined) && { 'peak.memory.bytes': String(most('peakMemoryBytes')), 'peak.processes': String(most('peakProcesses')), 'peak.cpu.percent': most('peakCpuPercent').toFixed(0) }),
    ...(flaky > 0 && { 'tests.flaky': String(flaky) }),
  }
}

function teardownSuite(record: RunRecord, { texts }: Shown): TestSuite {
  const about = { '@classname': xmlText(`${record.suite}.teardown`), '@time': seconds(record.teardown?.durationMs ?? 0) }
  const { leftovers = [], hostChanges = [] } = record.teardown ?? {}
  const cases: TestCase[] = [{
    '@name': 'nothing is left behind', ...about,
    ...(leftovers.length > 0 && { failure: failure(texts, 'leak', leftovers.join('\n')) }),
    ...(record.teardown === null && { skipped: { '@message': 'not run: the teardown did not come to its end' } }),
  }, {
    '@name': 'nothing outside the sandbox is changed', ...about, '@time': seconds(0),
    ...(hostChanges.length > 0 && { failure: failure(texts, 'leak', hostChanges.join('\n')) }),
    ...(record.teardown === null && { skipped: { '@message': 'not run: the teardown did not come to its end' } }),
  }]
  if (record.errors.length > 0) {
    cases.push({ '@name': 'no error outside the lanes', ...about, '@time': seconds(0), error: failure(texts, 'harness-bug', record.errors.join('\n')) })
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

function outcomeOf(test: TestRecord, step: StepRecord | undefined, lane: LaneRecord, { texts }: Shown): Pick<TestCase, 'failure' | 'skipped'> {
  const message = test.message ?? ''
  switch (test.status) {
    case 'passed':
      return {}
    case 'failed': {
      const told = step?.verdict ?? verdictIn(message) ?? { class: 'check-failed', diagnosis: message }
      return { failure: failure(texts, told.class, told.diagnosis, message === '' ? lane.verdict?.diagnosis : message) }
    }
    case 'skipped':
      return { skipped: { '@message': xmlText(message === '' ? 'skipped' : cutText(message, texts)) } }
    case 'not-run':
      return { skipped: { '@message': xmlText(message === '' ? 'not run: the run ended before it' : cutText(message, texts)) } }
  }
}

/** The verdict that a test's message begins with, as `describeVerdict` writes it. */
function verdictIn(message: string): { class: string; diagnosis: string } | undefined {
  const [, name = '', diagnosis = ''] = /^([a-z-]+): ([^]*?)(?=\n {2}(?:evidence|next): |$)/.exec(message) ?? []
  return Object.hasOwn(verdictClasses, name) ? { class: name, diagnosis } : undefined
}

const failure = (most: number, type: string, message: string, text = message): object => ({
  '@type': type, '@message': xmlText(cutText(message, Math.min(messageLimit, most))), '#text': xmlText(cutText(text, most)),
})

/** What the attempts before the last one said. */
function attemptsOf({ status, failedAttempts = [] }: TestRecord, { limit, texts }: Shown): Pick<TestCase, 'flakyFailure' | 'rerunFailure'> {
  if (failedAttempts.length === 0 || (status !== 'passed' && status !== 'failed')) return {}
  const attempts = failedAttempts.map((text) => ({
    '@message': xmlText(cutText(text, Math.min(messageLimit, texts))), '@type': verdictIn(text)?.class ?? 'check-failed', stackTrace: xmlText(cutText(text, Math.min(Math.max(limit, messageLimit), texts))),
  }))
  return status === 'passed' ? { flakyFailure: attempts } : { rerunFailure: attempts }
}

function outputOf(test: TestRecord, step: StepRecord | undefined, lane: LaneRecord, { results, limit, attached }: Shown): Pick<TestCase, 'system-out'> {
  const { shown, files } = filesOfTest(test, step, lane, results)
  const text = [
    ...shown.map(({ file, isInside }) => `--- ${file}\n${isInside ? headAndTail(join(results, file), Math.floor(limit / shown.length)) : '(not shown: outside the results)'}`),
    ...files.map((file) => `[[ATTACHMENT|${attached(file)}]]`),
  ].join('\n')
  return text === '' ? {} : { 'system-out': xmlText(text) }
}

const seconds = (milliseconds: number): string => (milliseconds / 1000).toFixed(3)
