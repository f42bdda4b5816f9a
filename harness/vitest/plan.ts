import { existsSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { isAbsolute, join, sep } from 'node:path'
import type { TestProject } from 'vitest/node'
import { checkAgentSettings, findAgent } from '../agents/find-agent.ts'
import { UsageError } from '../errors.ts'
import { variableOf } from '../options/definitions.ts'
import { emptyVariables } from '../options/empty-variables.ts'
import { nearestOf } from '../options/nearest.ts'
import { neededOf } from '../options/needed.ts'
import { checkFamilyNames, resolveOptions, suiteNameOf, type Options } from '../options/resolve.ts'
import { checkPlatform } from '../platform.ts'
import { effectiveSource } from '../sandbox/clone.ts'
import { examineReuse, type ReusePlan } from '../sandbox/reuse.ts'
import { checkCanHold, checkWorkspacePath, chooseWorkspacePath, newRunId } from '../sandbox/workspace.ts'
import { workspacePaths } from '../sandbox/workspace-paths.ts'
import type { AnyLane, AnySuite, KnownSource } from '../suite.ts'
import { loadSuite } from './find-suite.ts'
import { laneOfFile } from './lane-file.ts'

/** Everything that is known about a run before anything is made for it. */
export interface Plan {
  readonly options: Options
  readonly suite: AnySuite
  readonly run: string
  /** The workspace. */
  readonly root: string
  readonly place: Place
  readonly agentFile: string
  /** Versions of what was found on this machine. */
  readonly facts: Readonly<Record<string, string>>
  /** Where each source comes from in this run. */
  readonly sources: Readonly<Record<string, KnownSource>>
  readonly selected: readonly string[]
  /** What whoever asked for the run should know. */
  readonly notes: readonly string[]
}

/** What becomes of the place where the workspace is to be. */
export type Place =
  /** It does not exist, or is empty. */
  | { readonly kind: 'new' }
  /** What is in it is thrown away (`force`). */
  | { readonly kind: 'replace' }
  /** An earlier run's workspace, of which only the place and the ports stay (`forceBootstrap`, or nothing worth keeping). */
  | { readonly kind: 'again'; readonly reuse: ReusePlan }
  /** An earlier run's workspace, gone on with. */
  | { readonly kind: 'go on'; readonly reuse: ReusePlan; readonly done: readonly string[] }

/**
 * Looks at everything that can be refused, and makes nothing.
 * @throws UsageError, PrerequisiteError
 */
export async function preparePlan(project: TestProject): Promise<Plan> {
  checkPlatform()
  if (!existsSync(tmpdir())) throw new UsageError(`the temp dir ${tmpdir()} does not exist`, 'set TMPDIR to a directory that does')
  const { smokeDefaultSuite, smokeConfig } = project.getProvidedContext()
  if (smokeConfig.problem !== undefined) throw new UsageError(smokeConfig.problem.what, smokeConfig.problem.remedy)
  const layers = { env: process.env, file: smokeConfig.file, cwd: process.cwd() }
  const suite = await loadSuite(project.config.root, suiteNameOf(layers, smokeDefaultSuite))
  const options = resolveOptions(layers, smokeDefaultSuite, suite.options, suite.defaults)
  if (project.vitest.config.watch) throw new UsageError('lanes cannot run in watch mode: each needs a new sandbox', 'npx vitest run smoke')
  checkFamilyNames(options, { sources: Object.keys(suite.sources), ports: suite.ports })
  checkManualStage(options, suite)
  suite.checkOptions?.(options.own)
  const needed = neededOf(suite, options)
  const sources = Object.fromEntries(Object.entries(needed.sources).map(([name, own]) => [name, effectiveSource(own, options.sources[name], options.refs[name], name)]))
  const run = newRunId(new Date())
  const root = chooseWorkspacePath(options.workspace, run)
  const place = await examinePlace(root, { options, suite, sources, keepOut: neededDirectories(project.config.root, options, sources) })
  if (options.results === root || options.results.startsWith(root + sep)) {
    throw new UsageError(`the results (${options.results}) lie in the workspace ${root}, and would go with it`, `name another directory: ${variableOf('results')}=<dir>`)
  }
  if (place.kind === 'new') checkCanHold(variableOf('workspace'), root)
  checkCanHold(variableOf('results'), options.results)
  checkSpecs(join(project.config.root, 'suites', options.suite), suite)
  const facts: Record<string, string> = { 'version.node': process.version, 'version.vitest': project.vitest.version }
  const found = await Promise.allSettled(needed.prerequisites.map(async ({ name, find }) => [`version.${name}`, await find(process.env)] as const))
  for (const result of found) {
    if (result.status === 'rejected') throw result.reason
    const [name, version] = result.value
    facts[name] = version
  }
  const needsAgent = suite.lanes.some(({ steps }) => Object.values(steps).some(({ kind }) => kind === 'stage'))
  const agentFile = needsAgent || options.agentBin !== undefined ? findAgent(options.agentBin) : ''
  if (options.agentHome !== undefined) checkAgentSettings(options.agentHome)
  const selected = await selectedLanes(project, options, suite)
  return { options, suite, run, root, place, agentFile, facts, sources, selected, notes: emptyVariables(process.env, options, { options: suite.options, sources: Object.keys(suite.sources) }) }
}

/** Directories that the run or its user needs: no workspace may swallow them. */
function neededDirectories(root: string, { results, cacheDir, agentHome }: Options, sources: PlaceParts['sources']): string[] {
  const { SMOKE_CALLED_FROM: calledFrom } = process.env
  const own = Object.values(sources).map((source) => source.kind === 'folder' ? source.folder : source.url).filter((place) => isAbsolute(place))
  return [root, results, cacheDir, agentHome, calledFrom, ...own].filter((path) => path !== undefined)
}

interface PlaceParts {
  readonly options: Options
  readonly suite: AnySuite
  readonly sources: Readonly<Record<string, KnownSource>>
  readonly keepOut: readonly string[]
}

async function examinePlace(root: string, { options, suite, sources, keepOut }: PlaceParts): Promise<Place> {
  if (!options.reuse && !options.skipBootstrap) {
    return { kind: checkWorkspacePath(root, { force: options.force, keepOut }) }
  }
  const reuse = await examineReuse(root, {
    suite: suite.name, again: options.forceBootstrap, forceOutdated: options.forceOutdated, ports: numbers(options.ports),
    sources: Object.fromEntries(Object.entries(sources).map(([name, source]) => [name, placeOf(source)])),
    environmentFiles: suite.environmentFiles?.(workspacePaths(root)) ?? [],
  })
  const { marker, state } = reuse
  const [first] = suite.lanes
  const bootstrapped = state !== undefined && state.state !== 'nothing'
  if (options.skipBootstrap && !bootstrapped) {
    throw new UsageError(`lane "${first?.name ?? ''}" is not done in ${root}: there is nothing to go on with`, `run it first: ${variableOf('workspace')}=${root} ${variableOf('reuse')}=1 ${variableOf('bootstrapOnly')}=1 npx vitest run smoke`)
  }
  if (options.forceBootstrap || !bootstrapped) return { kind: 'again', reuse }
  if (!suite.resume?.[state.state]) {
    throw new UsageError(`suite ${suite.name} cannot go on in the state "${state.state}", in which ${root} is`, `begin again in the same place: ${variableOf('forceBootstrap')}=1`)
  }
  return { kind: 'go on', reuse, done: Object.entries(marker.lanes).filter(([, outcome]) => outcome === 'passed').map(([lane]) => lane) }
}

const placeOf = (source: KnownSource): { from: string; kind: KnownSource['kind']; ref?: string } =>
  source.kind === 'git' ? { from: source.url, kind: 'git', ...(source.ref !== undefined && { ref: source.ref }) } : { from: source.folder, kind: 'folder' }

/** Ports that were asked for by number. */
export const numbers = (ports: Readonly<Record<string, string>>): Record<string, number> =>
  Object.fromEntries(Object.entries(ports).map(([name, text]) => [name, Number(text)]))

const hasStage = ({ steps }: AnyLane): boolean => Object.values(steps).some(({ kind }) => kind === 'stage')

function checkManualStage({ manual, manualStage }: Options, suite: AnySuite): void {
  const withStage = suite.lanes.filter(hasStage).map(({ name }) => name)
  if (manual && withStage.length === 0) throw new UsageError(`suite ${suite.name} has no agent session that a person could take over`, `leave ${variableOf('manual')} out`)
  if (manualStage === undefined || withStage.includes(manualStage)) return
  const nearest = nearestOf(manualStage, withStage)
  throw new UsageError(
    `suite ${suite.name} has no lane ${JSON.stringify(manualStage)} with an agent session`,
    nearest === undefined ? `lanes with one: ${withStage.join(', ') || 'none'}` : `did you mean ${variableOf('manualStage')}=${nearest}?`,
  )
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

async function selectedLanes(project: TestProject, { bootstrapOnly, manualStage }: Options, suite: AnySuite): Promise<string[]> {
  // `filenamePattern` is what the user typed; vitest 4 and 5 keep it, but do not declare it.
  const { filenamePattern } = project.vitest as unknown as { filenamePattern?: string[] }
  const specifications = await project.vitest.getRelevantTestSpecifications(filenamePattern)
  const lanes = specifications
    .filter((specification) => specification.project === project)
    .map((specification) => laneOfFile(specification.moduleId))
    .filter((lane) => lane !== undefined)
  const [first] = suite.lanes
  if (bootstrapOnly && first !== undefined && !lanes.includes(first.name)) {
    throw new UsageError(`${variableOf('bootstrapOnly')} runs lane "${first.name}" alone, but it is not among the lanes asked for: ${lanes.join(', ')}`, `npx vitest run ${first.name}.smoke`)
  }
  if (manualStage !== undefined && !lanes.includes(manualStage)) {
    throw new UsageError(`${variableOf('manualStage')} stops in lane "${manualStage}", but it is not among the lanes asked for: ${lanes.join(', ')}`, `npx vitest run ${manualStage}.smoke, or npx vitest run smoke`)
  }
  return lanes
}

