import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { copyAgentSettings } from '../agents/find-agent.ts'
import { Refusal } from '../errors.ts'
import { filtersOf } from '../go-on.ts'
import { asTyped } from '../options/as-typed.ts'
import { Recorder } from '../lanes/recorder.ts'
import type { RunInfo } from '../lanes/run-info.ts'
import { runRedactor } from '../redaction/run-redactor.ts'
import { cleanAbandoned } from '../sandbox/cleanup.ts'
import { endProcesses, ownedProcesses, removePath } from '../sandbox/finish.ts'
import { defaultHostPaths, snapshotHost } from '../sandbox/host-paths.ts'
import { appendToLedger, readLedger } from '../sandbox/ledger.ts'
import { updateMarker } from '../sandbox/marker.ts'
import { makePlace, toBeMade } from './make-place.ts'
import { janitorProgram, startJanitor } from '../sandbox/start-janitor.ts'
import { thisOwner } from '../sandbox/owner.ts'
import { tearDown } from '../sandbox/teardown.ts'
import { workspacePaths } from '../sandbox/workspace-paths.ts'
import { writeWhole } from '../sandbox/whole-file.ts'
import { preparePlan } from './plan.ts'
import { planRecord } from './plan-text.ts'
import { watchSignals } from './signals.ts'
import { rememberRun } from './this-run.ts'

/** Owns the sandbox: makes it before the lanes run, and undoes it after. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { vitest } = project
  // A reader that goes away, as in `| head`, ends the output and not the run.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)
  const signals = watchSignals()
  const program = janitorProgram()
  const plan = await orExit(() => preparePlan(project))
  const { options, suite, run, root, facts, place } = plan
  const planFile = process.env.SMOKE_PLAN_FILE
  if (planFile !== undefined) {
    writeFileSync(planFile, `${JSON.stringify(planRecord(plan), null, 2)}\n`)
    process.exit(0)
  }
  signals.making()
  // Whole: the janitor, which may have to clean it, works elsewhere.
  const temporaryDirectory = realpathSync(tmpdir())
  const results = join(options.results, run)
  // vitest removes its own folders when it ends in peace, but not after a signal.
  const vitestFolders = [vitest.getRootProject(), ...vitest.projects].map(({ tmpDir }) => tmpDir)
  process.on('exit', () => { vitestFolders.forEach(removePath) })
  const janitor = startJanitor(await program, {
    ledger: workspacePaths(root).ledger, workspace: root, results, made: toBeMade(plan), owner: thisOwner(), temporary: temporaryDirectory, paths: vitestFolders,
  })
  const swept = await cleanAbandoned(temporaryDirectory, root)
  const hostPaths = [...defaultHostPaths(homedir()), ...(suite.hostPaths?.(homedir()) ?? [])]
  const hostBefore = snapshotHost(hostPaths)

  const keepsPlace = place.kind === 'go on' || place.kind === 'again' || options.bootstrapOnly || options.manual || options.manualStage !== undefined
  // Whatever is made from now on is never nobody's.
  await janitor.ready
  const sandbox = await orExit(() => makePlace(plan, { results, keep: keepsPlace || options.keep !== 'never', temporary: temporaryDirectory }))
  const { paths, made, sandboxId, reservations, owner, alive } = sandbox
  mkdirSync(results, { recursive: true })
  for (const path of vitestFolders) appendToLedger(paths.ledger, { kind: 'path', path, harness: true })
  // Workers inherit it, so that whoever finishes the ledger finds them too.
  process.env.SMOKE_SANDBOX_ID = sandboxId
  if (options.agentHome !== undefined) copyAgentSettings(options.agentHome, paths.agentHome)

  const ports = Object.fromEntries(Object.entries(reservations).map(([name, { port }]) => [name, port]))
  const recorder = new Recorder(paths.progress, runRedactor(root, suite, options.agentHome))
  recorder.add({ type: 'run-started', run, suite: suite.name, workspace: root, results })
  for (const [name, value] of Object.entries({ ...facts, ...prefixed('port.', ports) })) {
    recorder.add({ type: 'fact', name, value: String(value) })
  }
  for (const text of [...plan.notes, ...swept, ...(place.kind === 'go on' ? place.reuse.notes : [])]) recorder.add({ type: 'note', text })
  const runFile = join(results, 'run-file.json')
  const lanes = suite.lanes.map(({ name }) => name)
  const about = {
    run, suite: suite.name, workspace: root, results, junitAttachments: options.junitAttachments, filters: filtersOf({ lanes, selected: plan.selected, options }),
  }
  try {
    writeWhole(runFile, `${JSON.stringify(about, null, 2)}\n`)
  } catch (error) {
    // This process knows what stands in it; whoever reads it later must do without.
    process.stderr.write(`clone-smoke: run-file.json could not be written: ${error instanceof Error ? error.message : String(error)}\n`)
  }
  process.env.SMOKE_RUN_FILE = runFile
  rememberRun({ ...about, progress: '' })

  const info: RunInfo = {
    run, project: project.config.root, sandboxId, workspace: root, results, options, ports, agentFile: plan.agentFile,
    lanes, selected: plan.selected,
    ...(place.kind === 'go on' && { resumed: { run: place.reuse.marker.run, lanes: place.reuse.marker.lanes, sources: place.reuse.marker.sources, done: place.done, alive } }),
  }
  project.provide('smokeRun', info)
  let done: Promise<void> | undefined
  signals.running(vitest, async (signal) => {
    // In the teardown everything is being ended already, and the ledger may be gone.
    if (done) return
    // Whole: the lanes read it as soon as it is there.
    writeWhole(paths.stop, `${signal} was received\n`)
    await endProcesses(() => existsSync(paths.ledger) ? ownedProcesses(readLedger(paths.ledger), { harness: false, children: false }) : [])
  })
  return () => (done ??= end().finally(() => { signals.release() }))

  async function end(): Promise<void> {
    const progress = readOr(paths.progress)
    // A lane that failed as set-up has no test of its own: those that needed it are skipped, and vitest sees success.
    const laneFailed = progress.split('\n').some((line) => line.includes('"type":"lane-ended"') && line.includes('"status":"failed"'))
    const failed = laneFailed || vitest.state.getCountOfFailedTests() > 0 || vitest.state.getUnhandledErrors().length > 0
    // Told by what was written, and not by vitest: a worker that was killed leaves its files as if never begun.
    const anythingRan = failed || progress === '' || progress.includes('"type":"lane-')
    const paused = progress.includes('"type":"paused"') && !existsSync(paths.stop)
    const keep = place.kind === 'go on' || place.kind === 'again' || paused || options.keep === 'always' || (options.keep === 'failed' && failed) || (options.bootstrapOnly && anythingRan)
    if (keep && existsSync(root)) updateMarker(root, { kept: true })
    if (!keep) endWhatWasNotAsked(paths.stop)
    const { leftovers, hostChanges, problems, progress: whole } = await tearDown({
      paths, made, results, ports, reservations: Object.values(reservations), owner, keep, anythingRan, janitor, leaveRunning: paused, host: { paths: hostPaths, before: hostBefore },
    })
    rememberRun({ ...about, progress: whole })
    if (!anythingRan) delete process.env.SMOKE_RUN_FILE
    if ((laneFailed || leftovers.length > 0 || hostChanges.length > 0) && (process.exitCode === undefined || process.exitCode === 0)) process.exitCode = 1
    for (const problem of problems) process.stderr.write(`\nclone-smoke: ${problem}\n`)
    for (const [title, lines] of [['left behind', leftovers], ['changed outside the sandbox', hostChanges]] as const) {
      if (lines.length > 0) process.stderr.write(`\nclone-smoke: ${title}:\n${lines.map((line) => `  ${line}\n`).join('')}`)
    }
  }
}

/** A lane that runs beside others and whose turn never came, for its tests were not chosen, begins nothing more. */
function endWhatWasNotAsked(stop: string): void {
  try {
    writeFileSync(stop, 'the run has ended\n', { flag: 'wx' })
  } catch {
    // The run was stopped already, or there is no room: it ends with its worker.
  }
}

/** What a file holds; nothing where it cannot be read. */
function readOr(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** Bad input and missing prerequisites end the program here: a sentence and an exit code, no stack trace. */
async function orExit<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    process.stderr.write(`\nclone-smoke: ${asTyped(error.message, process.env.SMOKE_TYPED)}\n`)
    process.exit(error.exitCode)
  }
}

const prefixed = (prefix: string, values: Readonly<Record<string, number>>): Record<string, number> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [prefix + name, value]))
