import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
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
import { checkWorkspacePath, chooseWorkspacePath, createWorkspace, newRunId } from '../sandbox/workspace.ts'
import type { AnySuite } from '../suite.ts'
import { loadSuite } from './find-suite.ts'
import { laneOfFile } from './lane-file.ts'
import { takeSignals } from './signals.ts'

/** Owns the sandbox: makes it before the lanes run, and undoes it after. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { vitest } = project
  const plan = await orExit(() => preparePlan(project))
  const { options, suite, run, root, facts } = plan

  const results = resolve(options.results, run)
  mkdirSync(results, { recursive: true })
  const { paths, made } = createWorkspace(root, suite.name)
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
  const signals = takeSignals(vitest, async () => {
    await endProcesses(() => ownedProcesses(readLedger(paths.ledger), { harness: false }))
  })
  let done: Promise<void> | undefined
  return () => (done ??= end().finally(() => { signals.release() }))

  async function end(): Promise<void> {
    const failed = vitest.state.getCountOfFailedTests() > 0 || vitest.state.getUnhandledErrors().length > 0
    const keep = options.keep === 'always' || (options.keep === 'failed' && failed)
    const anythingRan = vitest.state.getTestModules().some((module) => module.state() !== 'queued' && module.state() !== 'pending')
    const leftovers = await tearDown({ paths, made, results, ports, keep, anythingRan, janitor })
    if (!anythingRan) delete process.env.SMOKE_RUN_FILE
    if (leftovers.length === 0) return
    process.exitCode = process.exitCode === undefined || process.exitCode === 0 ? 1 : process.exitCode
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
  const suite = await loadSuite(project.config.root, options.suite)
  checkSourceNames(options, Object.keys(suite.sources))
  const run = newRunId(new Date())
  const root = chooseWorkspacePath(options.workspace, run)
  checkWorkspacePath(root)
  const facts: Record<string, string> = { 'version.node': process.version, 'version.vitest': project.vitest.version }
  for (const prerequisite of suite.prerequisites) facts[`version.${prerequisite.name}`] = await prerequisite.find(process.env)
  const agentFile = findAgent(options.agentFile)
  return { options, suite, run, root, agentFile, facts, selected: await selectedLanes(project) }
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
