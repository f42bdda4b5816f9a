import { existsSync, lstatSync, realpathSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { UsageError } from '../errors.ts'
import { listenersOf } from '../processes/listeners.ts'
import { commandOf } from '../processes/table.ts'
import { askGit } from './ask-git.ts'
import { ledgerOf } from './dead-workspace.ts'
import { janitorEnded } from './find-janitor.ts'
import { sandboxEnvironment } from './environment.ts'
import { ownedProcesses } from './finish.ts'
import { markerVariable } from './ledger.ts'
import { ownerOf, readMarker, type Marker } from './marker.ts'
import { isOwned, markerFile } from './owner.ts'
import { compareWithSource, type Freshness } from './outdated.ts'
import { whyNotOurs } from './ownership.ts'
import { readState, type SandboxState } from './state.ts'
import { readPlain } from './whole-file.ts'
import { workspacePaths, type WorkspacePaths } from './workspace-paths.ts'

export interface ReuseExpected {
  readonly suite: string
  /** As this run would clone them. */
  readonly sources: Readonly<Record<string, { readonly from: string; readonly kind: 'git' | 'folder'; readonly ref?: string | undefined }>>
  /** Only the place and the ports are to be used again: what is in it does not matter. */
  readonly again: boolean
  /** Go on although a source has moved on since. */
  readonly forceOutdated: boolean
  /** Absolute. Each must be a regular file, not empty, and contain every port number of the workspace. */
  readonly environmentFiles: readonly string[]
  /** Ports that were asked for; each must be the one the workspace has. */
  readonly ports: Readonly<Record<string, number | undefined>>
}

export interface ReusePlan {
  readonly marker: Marker
  readonly paths: WorkspacePaths
  /** Undefined where it does not matter, and cannot be read. */
  readonly state: SandboxState | undefined
  /** Processes of the sandbox still live. */
  readonly alive: boolean
  /** Names of the sources that have moved on; only with `forceOutdated`. */
  readonly outdated: string[]
  /** Sentences for the person who reads the run: what is outdated, and which source could not be asked. */
  readonly notes: string[]
}

const anew = 'SMOKE_FORCE_BOOTSTRAP=1 begins anew in this workspace'

/** How long git may take for a question about a checkout. Milliseconds. */
const gitMs = 15_000

/**
 * Says whether a later run can go on in a workspace, before anything is touched.
 * @throws UsageError for the first thing that does not fit: what it is, its value, and what to type
 */
export async function examineReuse(path: string, expected: ReuseExpected): Promise<ReusePlan> {
  const root = checkDirectory(path)
  refuseLiving(root)
  if (!await janitorEnded(root)) throw new UsageError(`${path} is still being cleaned up by the janitor of its run`, 'try again in a moment')
  if (!existsSync(root)) throw new UsageError(`the workspace ${path} was removed by the janitor of its run`, 'begin a new one')
  const marker = checkMarker(root, expected.suite)
  const paths = workspacePaths(root)
  const entries = ledgerOf(root)
  if (entries.length === 0) {
    throw new UsageError(`${paths.ledger} is missing or tells of another directory: the workspace was copied or moved, and its files name the old path, or it was being emptied when its run was killed`, `go on in the original, or begin a new one; npx clone-smoke cleanup '${root}' removes this one`)
  }
  const own = new Set(ownedProcesses(entries, { harness: false }).map(({ pid }) => pid))
  const state = expected.again ? undefined : readState(paths.state)
  if (state === undefined || state.state === 'nothing') {
    await checkPorts({ ...marker, ports: { ...marker.ports, ...withoutGaps(expected.ports) } }, own, 'ask for another one: SMOKE_PORT_<NAME>=<number>')
    return { marker, paths, state, alive: own.size > 0, outdated: [], notes: [] }
  }
  // As the clone was made, but for the id: git is no process of the sandbox.
  const env = Object.fromEntries(Object.entries(sandboxEnvironment(paths, marker.sandbox, process.env)).filter(([name]) => name !== markerVariable))
  checkSources(marker, expected)
  checkEnvironmentFiles(marker, expected.environmentFiles)
  await Promise.all(Object.entries(marker.sources).map(([name, { commit }]) => checkCheckout(join(root, name), name, commit, env)))
  await checkPorts(marker, own)

  const compared = await Promise.all(Object.entries(marker.sources).map(async ([name, source]): Promise<[string, Freshness]> => [name, await compareWithSource(name, source, { root, env })]))
  const behind = compared.flatMap(([name, freshness]) => freshness.behind === undefined ? [] : [{ name, behind: freshness.behind }])
  if (behind.length > 0 && !expected.forceOutdated) {
    throw new UsageError(`the workspace ${root} is outdated: ${behind.map((one) => one.behind).join('; ')}`, `SMOKE_FORCE_OUTDATED=1 goes on all the same; ${anew}; or remove it: npx clone-smoke cleanup '${root}'`)
  }
  return {
    marker, paths, state, alive: own.size > 0, outdated: behind.map(({ name }) => name),
    notes: compared.flatMap(([, freshness]) => freshness.behind ?? freshness.note ?? []),
  }
}

function checkDirectory(path: string): string {
  if (!lstatSync(path, { throwIfNoEntry: false })) throw new UsageError(`there is no workspace at ${path}`, 'npx clone-smoke cleanup --dry-run lists the workspaces in the temp dir; or begin a new one')
  const why = whyNotOurs(path)
  if (why !== undefined) throw new UsageError(`no run can go on in ${path}: ${why}`, why.startsWith('others') ? `if you trust what is in it: chmod go-w '${path}'` : 'name a workspace of yours by its own path')
  return realpathSync(path)
}

/** Before anything is waited for: a run that lives has a janitor too. */
function refuseLiving(root: string): void {
  const owner = ownerOf(readMarker(root))
  if (isOwned({ owner })) throw new UsageError(`the workspace ${root} belongs to a run that is alive (pid ${owner?.pid ?? '?'})`, 'wait for it to end, or name another workspace')
}

function checkMarker(root: string, suite: string): Marker {
  refuseLiving(root)
  const reading = readMarker(root)
  const remove = `look at it, then remove it: npx clone-smoke cleanup '${root}'`
  switch (reading.kind) {
    case 'none':
      throw new UsageError(`${root} is not a clone-smoke workspace: it has no ${markerFile}`, 'npx clone-smoke cleanup --dry-run lists the workspaces in the temp dir')
    case 'older':
      throw new UsageError(`the workspace ${root} was made by an older version of clone-smoke (marker schema ${reading.schema ?? '?'})`, `it cannot be gone on in; ${remove}`)
    case 'newer':
      throw new UsageError(`the workspace ${root} was made by a newer version of clone-smoke (marker schema ${reading.schema ?? '?'})`, 'go on with that version, or begin a new one')
    case 'damaged':
      throw new UsageError(`the marker of ${root} is damaged: ${join(root, markerFile)}`, remove)
    case 'current':
      if (reading.marker.suite !== suite) throw new UsageError(`the workspace ${root} is of suite ${reading.marker.suite}, and this run of ${suite}`, `SMOKE_SUITE=${reading.marker.suite}, or name another workspace`)
      return reading.marker
  }
}

function checkSources(marker: Marker, { sources, ports }: ReuseExpected): void {
  for (const [name, asked] of Object.entries(sources)) {
    const there = marker.sources[name]
    if (!there || (there.from === asked.from && there.kind === asked.kind && there.ref === asked.ref)) continue
    throw new UsageError(`source ${name} of the workspace is from ${textOf(there)}, and this run asks for ${textOf(asked)}`, `ask for the same, or ${anew}`)
  }
  for (const [name, port] of Object.entries(ports)) {
    if (port === undefined || marker.ports[name] === port) continue
    throw new UsageError(`port ${name} of the workspace is ${marker.ports[name] ?? 'none'}, and this run asks for ${port}`, `leave it out, or ${anew}`)
  }
}

const textOf = ({ from, kind, ref }: { readonly from: string; readonly kind: string; readonly ref?: string | undefined }): string =>
  `${from}${ref === undefined ? '' : `#${ref}`} (${kind})`

function checkEnvironmentFiles(marker: Marker, files: readonly string[]): void {
  for (const file of files) {
    let text: string | undefined
    try {
      text = readPlain(file)
    } catch (error) {
      throw new UsageError(`the environment file ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, anew)
    }
    if (text === undefined) throw new UsageError(`the environment file ${file} is missing`, anew)
    if (text.trim() === '') throw new UsageError(`the environment file ${file} is empty`, anew)
    for (const [name, port] of Object.entries(marker.ports)) {
      if (!new RegExp(`(?<!\\d)${port}(?!\\d)`).test(text)) throw new UsageError(`the environment file ${file} does not have port ${port} (${name}) of the workspace`, anew)
    }
  }
}

async function checkCheckout(path: string, name: string, commit: string, env: Readonly<Record<string, string>>): Promise<void> {
  const repository = join(path, '.git')
  if (!existsSync(repository)) throw new UsageError(`the checkout ${path} of source ${name} is no git repository any more`, anew)
  const { out, problem } = await askGit([`--git-dir=${repository}`, 'rev-parse', '--verify', 'HEAD^{commit}'], { cwd: path, env, boundMs: gitMs })
  if (out === undefined) throw new UsageError(`the checkout ${path} of source ${name} cannot be read: ${problem ?? '?'}`, anew)
  if (out.trim() !== commit) throw new UsageError(`the checkout ${path} of source ${name} is at ${out.trim()}, and was cloned at ${commit}`, `git -C '${path}' checkout ${commit}, or ${anew}`)
}

const withoutGaps = (ports: ReuseExpected['ports']): Record<string, number> =>
  Object.fromEntries(Object.entries(ports).flatMap(([name, port]) => port === undefined ? [] : [[name, port] as const]))

async function checkPorts(marker: Marker, own: ReadonlySet<number>, otherwise = anew): Promise<void> {
  const listeners = listenersOf(() => true)
  for (const [name, port] of Object.entries(marker.ports)) {
    const holders = listeners.filter((listener) => listener.port === port).map(({ pid }) => pid)
    const stranger = holders.find((pid) => !own.has(pid))
    const next = `end it, or ${otherwise}`
    if (stranger !== undefined) throw new UsageError(`port ${port} (${name}) of the workspace is held by process ${stranger}: ${commandOf(stranger)}`, next)
    // A process of another user holds a port without being seen.
    if (holders.length === 0 && !await isFree(port)) throw new UsageError(`port ${port} (${name}) of the workspace is held by a process that cannot be seen`, `sudo ss -ltnp 'sport = :${port}' tells its pid; ${next}`)
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => { resolve(false) })
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => { server.close(() => { resolve(true) }) })
  })
}
