import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import getPort from 'get-port'
import type { TestProject } from 'vitest/node'
import { findAgent } from '../agents/find-agent.ts'
import { PrerequisiteError, UsageError } from '../errors.ts'
import { Recorder } from '../lanes/recorder.ts'
import type { RunInfo } from '../lanes/run-info.ts'
import { checkSourceNames, resolveOptions, type Options } from '../options.ts'
import { bootId, identify } from '../processes/table.ts'
import { endProcesses, ownedProcesses, removePath } from '../sandbox/finish.ts'
import { appendToLedger, readLedger } from '../sandbox/ledger.ts'
import { startJanitor } from '../sandbox/start-janitor.ts'
import { tearDown } from '../sandbox/teardown.ts'
import { checkCanHold, checkWorkspacePath, chooseWorkspacePath, createWorkspace, newRunId } from '../sandbox/workspace.ts'
import type { AnySuite } from '../suite.ts'
import { loadSuite } from './find-suite.ts'
import { laneOfFile } from './lane-file.ts'
import { takeSignals } from './signals.ts'

/** Owns the sandbox: makes it before the lanes run, and undoes it after. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { vitest } = project
  // A reader that goes away, as in `| head`, ends the output and not the run.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  const plan = await orExit(() => preparePlan(project))
  const { options, suite, run, root, facts } = plan

  const { paths, made } = createWorkspace(root, suite.name)
  const results = resolve(options.results, run)
  mkdirSync(results, { recursive: true })
  const sandboxId = `${run}@${root}`
  appendToLedger(paths.ledger, {
    kind: 'sandbox', id: sandboxId, workspace: root, results, boot: bootId(), keep: options.keep !== 'never', made,
    since: identify(process.pid)?.startTime ?? 0,
  })
  // vitest removes its own folders when it ends in peace, but not after a signal.
  const vitestFolders = [vitest.getRootProject(), ...vitest.projects].map(({ tmpDir }) => tmpDir)
  for (const path of vitestFolders) appendToLedger(paths.ledger, { kind: 'path', path, harness: true })
  process.on('exit', () => { vitestFolders.forEach(removePath) })
  const janitor = await startJanitor(paths.ledger, join(root, '.janitor'))
  // Workers inherit it, so that whoever finishes the ledger finds them too.
  process.env.SMOKE_SANDBOX_ID = sandboxId

  const ports: Record<string, number> = {}
  for (const name of suite.ports) ports[name] = await getPort({ host: '127.0.0.1', exclude: Object.values(ports) })

  const recorder = new Recorder(paths.progress)
  recorder.add({ type: 'run-started', run, suite: suite.name, workspace: root, results })
  for (const [name, value] of Object.entries({ ...facts, ...prefixed('port.', ports) })) {
    recorder.add({ type: 'fact', name, value: String(value) })
  }
  const runFile = join(results, 'run-file.json')
  writeFileSync(runFile, `${JSON.stringify({ run, suite: suite.name, workspace: root, results }, null, 2)}\n`)
  process.env.SMOKE_RUN_FILE = runFile

  const info: RunInfo = {
    run, sandboxId, workspace: root, results, options, ports, agentFile: plan.agentFile,
    lanes: suite.lanes.map(({ name }) => name), selected: plan.selected,
  }
  project.provide('smokeRun', info)
  let done: Promise<void> | undefined
  const signals = takeSignals(vitest, async (signal) => {
    // In the teardown everything is being ended already, and the ledger may be gone.
    if (done) return
    writeFileSync(paths.stop, `${signal} was received\n`)
    await endProcesses(() => existsSync(paths.ledger) ? ownedProcesses(readLedger(paths.ledger), { harness: false }) : [])
  })
  return () => (done ??= end().finally(() => { signals.release() }))

  async function end(): Promise<void> {
    const progress = readFileSync(paths.progress, 'utf8')
    // A lane that failed as set-up has no test of its own: those that needed it are skipped, and vitest sees success.
    const laneFailed = progress.split('\n').some((line) => line.includes('"type":"lane-ended"') && line.includes('"status":"failed"'))
    const failed = laneFailed || vitest.state.getCountOfFailedTests() > 0 || vitest.state.getUnhandledErrors().length > 0
    const keep = options.keep === 'always' || (options.keep === 'failed' && failed)
    // Told by what was written, and not by vitest: a worker that was killed leaves its files as if never begun.
    const anythingRan = failed || progress.includes('"type":"lane-')
    const leftovers = await tearDown({ paths, made, results, ports, keep, anythingRan, janitor })
    if (!anythingRan) delete process.env.SMOKE_RUN_FILE
    if ((laneFailed || leftovers.length > 0) && (process.exitCode === undefined || process.exitCode === 0)) process.exitCode = 1
    if (leftovers.length === 0) return
    process.stderr.write(`\nclone-smoke: left behind:\n${leftovers.map((line) => `  ${line}\n`).join('')}`)
  }
}

interface Plan {
  readonly options: Options
  readonly suite: AnySuite
  readonly run: string
  readonly root: string
  readonly agentFile: string
  readonly facts: Readonly<Record<string, string>>
  readonly selected: readonly string[]
}

/** Everything that can be refused is looked at here, before anything is made. */
async function preparePlan(project: TestProject): Promise<Plan> {
  if (process.platform !== 'linux' || !existsSync('/proc/self/stat')) {
    throw new PrerequisiteError(`clone-smoke needs Linux with /proc; this is ${process.platform}`, 'run it in a Linux machine or container')
  }
  const options = absoluteSources(resolveOptions(process.env, project.getProvidedContext().smokeDefaultSuite))
  if (project.vitest.config.watch) throw new UsageError('lanes cannot run in watch mode: each needs a new sandbox', 'npx vitest run smoke')
  const suite = await loadSuite(project.config.root, options.suite)
  checkSourceNames(options, Object.keys(suite.sources))
  const run = newRunId(new Date())
  const root = chooseWorkspacePath(options.workspace, run)
  checkWorkspacePath(root)
  checkCanHold('SMOKE_WORKSPACE', root)
  checkCanHold('SMOKE_RESULTS', resolve(options.results))
  checkSpecs(join(project.config.root, 'suites', options.suite), suite)
  const facts: Record<string, string> = { 'version.node': process.version, 'version.vitest': project.vitest.version }
  for (const prerequisite of suite.prerequisites) facts[`version.${prerequisite.name}`] = await prerequisite.find(process.env)
  const needsAgent = suite.lanes.some(({ steps }) => Object.values(steps).some(({ kind }) => kind === 'stage'))
  const agentFile = needsAgent || options.agentFile !== undefined ? findAgent(options.agentFile) : ''
  return { options, suite, run, root, agentFile, facts, selected: await selectedLanes(project) }
}

/** @throws UsageError when a lane has no spec, or a spec no lane: either would be left out without a word */
function checkSpecs(folder: string, suite: AnySuite): void {
  const specs = readdirSync(folder).map(laneOfFile).filter((lane) => lane !== undefined)
  const lanes = suite.lanes.map(({ name }) => name)
  const lacking = lanes.find((lane) => !specs.includes(lane))
  if (lacking !== undefined) throw new UsageError(`lane ${lacking} of suite ${suite.name} has no spec in ${folder}`, `write ${lacking}.smoke.ts there`)
  const unknown = specs.find((spec) => !lanes.includes(spec))
  if (unknown !== undefined) throw new UsageError(`${join(folder, `${unknown}.smoke.ts`)} belongs to no lane; suite ${suite.name} has ${lanes.join(', ')}`, 'add the lane to `lanes` in suite.ts, or rename the file')
}

/** Bad input and missing prerequisites end the program here: a sentence and an exit code, no stack trace. */
async function orExit<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof UsageError) && !(error instanceof PrerequisiteError)) throw error
    process.stderr.write(`\nclone-smoke: ${error.message}\n`)
    process.exit(error.exitCode)
  }
}

/** A source given as a relative path means relative to where the user typed it. */
function absoluteSources(options: Options): Options {
  const sources = Object.fromEntries(Object.entries(options.sources).map(([name, text]) => {
    const [path = '', ...ref] = text.split('#')
    return [name, existsSync(path) ? [resolve(path), ...ref].join('#') : text]
  }))
  return { ...options, sources }
}

async function selectedLanes(project: TestProject): Promise<string[]> {
  // `filenamePattern` is what the user typed; vitest 4 and 5 keep it, but do not declare it.
  const { filenamePattern } = project.vitest as unknown as { filenamePattern?: string[] }
  const specifications = await project.vitest.getRelevantTestSpecifications(filenamePattern)
  return specifications
    .filter((specification) => specification.project === project)
    .map((specification) => laneOfFile(specification.moduleId))
    .filter((lane) => lane !== undefined)
}

const prefixed = (prefix: string, values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
