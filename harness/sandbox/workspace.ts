import { randomBytes } from 'node:crypto'
import { chmodSync, closeSync, constants, existsSync, mkdirSync, mkdtempSync, openSync, readdirSync, realpathSync, rmSync, rmdirSync, statSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { claim } from './claim.ts'
import { clearPortLocks, endWorkspace } from './dead-workspace.ts'
import { janitorEnded } from './find-janitor.ts'
import { markerText, ownerOf, readMarker, updateMarker, type Marker } from './marker.ts'
import { emptyWorkspace } from './finish.ts'
import { claimPrefix, isOwned, markerFile, thisOwner } from './owner.ts'
import { checkMayBeReplaced } from './protected.ts'
import { createWhole } from './whole-file.ts'
import { workspaceDirectories, workspacePaths, type WorkspacePaths } from './workspace-paths.ts'

/** Names of workspaces in the temporary directory begin with it. */
export const workspacePrefix = 'clone-smoke-'

/** `20261121-081500-3f9a1c`: sorts by time, and two runs of one second do not meet. */
export function newRunId(now: Date): string {
  const [date = '', time = ''] = now.toISOString().split('T')
  return `${date.replaceAll('-', '')}-${time.slice(0, 8).replaceAll(':', '')}-${randomBytes(3).toString('hex')}`
}

/**
 * Unix socket paths end at 107 bytes (unix(7)); pm2 and other daemons put sockets a few levels below the workspace.
 */
const longestWorkspacePath = 70

/**
 * Says whether a workspace may be made at `path`, before anything is.
 * @param force a directory that is not empty may be emptied first, unless it is one that must not be (protected.ts);
 * `keepOut` are directories of this run, such as its results
 * @returns `replace` when `replaceContent` must be called first
 * @throws UsageError when the path is taken by something that is not ours, or by a run that lives
 */
export function checkWorkspacePath(path: string, { force, keepOut = [] }: { force: boolean; keepOut?: readonly string[] }): 'new' | 'replace' {
  if (Buffer.byteLength(path) > longestWorkspacePath) {
    throw new UsageError(
      `the workspace path is too long for the sockets inside it: ${Buffer.byteLength(path)} bytes, at most ${longestWorkspacePath}: ${path}`,
      'set TMPDIR or SMOKE_WORKSPACE to a shorter path, e.g. SMOKE_WORKSPACE=/tmp/my-run',
    )
  }
  for (let above = dirname(path); above !== dirname(above); above = dirname(above)) {
    if (readMarker(above).kind !== 'none') throw new UsageError(`SMOKE_WORKSPACE lies in another workspace, ${above}, and would go with it: ${path}`, 'choose another path')
  }
  if (!existsSync(path)) return 'new'
  if (!statSync(path).isDirectory()) {
    throw new UsageError(`SMOKE_WORKSPACE is not a directory: ${path}`, 'name a directory that does not exist yet')
  }
  // A claim alone is what was left of an emptying that was cut short.
  const content = readdirSync(path).filter((name) => !name.startsWith(claimPrefix))
  if (content.length === 0) return 'new'
  const reading = readMarker(path)
  if (isOwned({ owner: ownerOf(reading) })) {
    throw new UsageError(`SMOKE_WORKSPACE belongs to a run that is alive (pid ${ownerOf(reading)?.pid ?? '?'}): ${path}`, 'wait for it to end, or choose another path')
  }
  if (force) {
    checkMayBeReplaced(path, { cwd: process.cwd(), home: homedir(), keepOut: [packageFolder(), ...keepOut] })
    return 'replace'
  }
  if (reading.kind === 'none' || reading.kind === 'damaged') {
    throw new UsageError(
      `SMOKE_WORKSPACE is not a clone-smoke workspace and not empty (${content.length} entries, e.g. ${content[0] ?? ''}): ${path}`,
      'name an empty directory, or one that does not exist yet; nothing was touched',
    )
  }
  const run = reading.kind === 'current' ? reading.marker.run : `of ${reading.kind === 'older' ? 'an older' : 'a newer'} version`
  throw new UsageError(`SMOKE_WORKSPACE holds an earlier run (${run}): ${path}`, `go on in it: SMOKE_REUSE=1; or look at it, then remove it: npx clone-smoke cleanup '${path}'`)
}

/** The nearest directory above this file that has a package.json: the sources, or what was built of them. */
function packageFolder(): string {
  let folder = import.meta.dirname
  while (!existsSync(join(folder, 'package.json')) && folder !== dirname(folder)) folder = dirname(folder)
  return folder
}

/**
 * Empties a directory for which `checkWorkspacePath` said `replace`. If it is a workspace whose owner is dead, what
 * still runs of it is ended first.
 * @throws UsageError when it has come to life since, another process is at it, or something could not be removed
 */
export async function replaceContent(root: string): Promise<void> {
  const leftovers: string[] = []
  if (readMarker(root).kind === 'none') {
    leftovers.push(...emptyWorkspace(root))
  } else {
    if (!await janitorEnded(root)) throw new UsageError(`${root} is still being cleaned up by the janitor of its run`, 'try again in a moment')
    const claimed = claimOrRefuse(root)
    try {
      const temporary = realpathSync(tmpdir())
      leftovers.push(...(await endWorkspace(root, temporary)).leftovers)
      clearPortLocks(root, temporary)
      leftovers.push(...emptyWorkspace(root))
    } finally {
      claimed.release()
    }
  }
  const inside = readdirSync(root)
  if (inside.length > 0) throw new UsageError(`${root} could not be emptied: ${leftovers.join('; ') || inside.join(', ')}`, 'remove what is left, or choose another path')
}

function claimOrRefuse(root: string): { readonly release: () => void } {
  const claimed = claim(root)
  if ('release' in claimed) return claimed
  throw new UsageError(`${root} is in the hands of another process${claimed.heldBy ? ` (pid ${claimed.heldBy.pid})` : ''}`, 'wait for it to end, or choose another path')
}

/**
 * Proves by a probe that directories can be made at a path, or in the nearest directory above it that exists. Asking
 * for a whole path at once would spin for ever in /proc (nodejs mkdir, recursive).
 * @throws UsageError naming the directory and the reason
 */
export function checkCanHold(variable: string, path: string): void {
  let nearest = path
  while (!existsSync(nearest)) nearest = dirname(nearest)
  try {
    tryToWrite(nearest)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`nothing can be written to ${nearest}, where ${path} should be: ${reason}`, `set ${variable} to a directory that can be written to, or free some space`)
  }
}

/** A file without a name, which is gone with whoever made it (open(2), O_TMPFILE), where the file system can make one. */
function tryToWrite(directory: string): void {
  const tmpfile = 0o20000000
  try {
    closeSync(openSync(directory, tmpfile | constants.O_DIRECTORY | constants.O_WRONLY, 0o600))
  } catch (error) {
    if (!/^(EOPNOTSUPP|EISDIR|EINVAL)$/.test((error as NodeJS.ErrnoException).code ?? '')) throw error
    rmdirSync(mkdtempSync(join(directory, '.clone-smoke-probe-')))
  }
}

/** The topmost directory that will be made for a workspace: the path itself, or one above it; undefined where it is there. */
export function topmostToMake(path: string): string | undefined {
  if (existsSync(path)) return undefined
  return topmostToMake(dirname(path)) ?? path
}

/** Where the workspace of a run will be: the path asked for, or a new one in the temporary directory. */
export function chooseWorkspacePath(asked: string | undefined, run: string): string {
  return asked === undefined ? join(withoutLinks(tmpdir()), workspacePrefix + run) : withoutLinks(resolve(asked))
}

/** The real path of what may not exist yet: a process tells its working directory without links. */
function withoutLinks(path: string): string {
  if (existsSync(path) || path === dirname(path)) return realpathSync(path)
  return join(withoutLinks(dirname(path)), basename(path))
}

/**
 * Makes the directory (mode 0700) with its marker. Call `checkWorkspacePath` first.
 * @param about `sandbox` is the value of SMOKE_SANDBOX_ID
 * @returns the paths, and the topmost directory that had to be made
 * @throws Error EEXIST when another run made its workspace there in the same moment
 * @throws UsageError when somebody has put something there since the check; it stays
 */
export function createWorkspace(
  root: string, about: { readonly suite: string; readonly run: string; readonly sandbox: string },
): { readonly paths: WorkspacePaths; readonly made: string | undefined } {
  const owner = thisOwner()
  const made = mkdirSync(root, { recursive: true, mode: 0o700 })
  // A directory that was there may be open to others, by its umask.
  if (made === undefined) chmodSync(root, 0o700)
  const { suite, run, sandbox } = about
  const marker: Marker = {
    schema: 2, sandbox, run, suite, createdAt: new Date().toISOString(), owner, kept: false, sources: {}, ports: {}, lanes: {},
  }
  if (!createWhole(join(root, markerFile), markerText(marker))) throw Object.assign(new Error(`EEXIST: ${root} has a marker already`), { code: 'EEXIST' })
  const others = readdirSync(root).filter((name) => !name.startsWith(markerFile) && !name.startsWith(claimPrefix))
  if (others.length > 0) {
    rmSync(join(root, markerFile))
    throw new UsageError(`${root} is not empty any more: ${others.slice(0, 3).join(', ')}`, 'name an empty directory, or one that does not exist yet; nothing was touched')
  }
  const paths = workspacePaths(root)
  for (const dir of workspaceDirectories(paths)) mkdirSync(dir, { mode: 0o700 })
  return { paths, made }
}

/**
 * Takes over a workspace whose owner is dead; it belongs to this process then, and is kept as it was.
 * @throws UsageError when it has an owner, or another process takes it or removes it at the same moment
 */
export function adoptWorkspace(root: string, { run }: { readonly run: string }): Marker {
  const reading = readMarker(root)
  if (reading.kind !== 'current') throw new UsageError(`${root} is no workspace that this version can go on in (marker: ${reading.kind})`, 'begin a new one')
  const claimed = claimOrRefuse(root)
  try {
    return updateMarker(root, { owner: thisOwner(), run })
  } finally {
    claimed.release()
  }
}
