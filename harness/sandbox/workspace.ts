import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { bootId, identify, isAlive } from '../processes/table.ts'

/** The file that makes a directory a workspace; it names the owner, so that nobody cleans up a run that lives. */
export const markerFile = '.clone-smoke.json'

export const markerSchema = z.object({
  schema: z.literal(1),
  id: z.string(),
  suite: z.string(),
  createdAt: z.string(),
  owner: z.object({ pid: z.number(), startTime: z.number(), boot: z.string() }),
})
export type Marker = z.infer<typeof markerSchema>

/** The places inside a workspace. Plain paths: it can be handed to another process. */
export interface WorkspacePaths {
  readonly root: string
  readonly ledger: string
  readonly progress: string
  readonly state: string
  /** Appears when the run is to stop; its text says why. */
  readonly stop: string
  readonly transcripts: string
  readonly logs: string
  /** HOME of every child. */
  readonly home: string
  readonly temporary: string
  readonly agentHome: string
}

export function workspacePaths(root: string): WorkspacePaths {
  return {
    root,
    ledger: join(root, 'ledger.ndjson'),
    progress: join(root, 'progress.ndjson'),
    state: join(root, 'state.json'),
    stop: join(root, 'stop'),
    transcripts: join(root, 'transcripts'),
    logs: join(root, 'logs'),
    home: join(root, 'home'),
    temporary: join(root, 'tmp'),
    agentHome: join(root, 'agent-home'),
  }
}

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
 * @throws UsageError when the path is taken by something that is not ours, or by a run that lives.
 */
export function checkWorkspacePath(path: string): void {
  if (Buffer.byteLength(path) > longestWorkspacePath) {
    throw new UsageError(
      `the workspace path is too long for the sockets inside it: ${Buffer.byteLength(path)} bytes, at most ${longestWorkspacePath}: ${path}`,
      'set TMPDIR or SMOKE_WORKSPACE to a shorter path, e.g. SMOKE_WORKSPACE=/tmp/my-run',
    )
  }
  if (!existsSync(path)) return
  if (!statSync(path).isDirectory()) {
    throw new UsageError(`SMOKE_WORKSPACE is not a directory: ${path}`, 'name a directory that does not exist yet')
  }
  const content = readdirSync(path)
  if (content.length === 0) return
  const marker = readMarker(path)
  if (marker === undefined) {
    throw new UsageError(
      `SMOKE_WORKSPACE is not a clone-smoke workspace and not empty (${content.length} entries, e.g. ${content[0] ?? ''}): ${path}`,
      'name an empty directory, or one that does not exist yet; nothing was touched',
    )
  }
  const { pid } = marker.owner
  throw isOwned(marker)
    ? new UsageError(`SMOKE_WORKSPACE belongs to a run that is alive (pid ${pid}): ${path}`, 'wait for it to end, or choose another path')
    : new UsageError(`SMOKE_WORKSPACE holds an earlier run (${marker.id}): ${path}`, `look at it, then remove it: rm -r '${path}'`)
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
    rmdirSync(mkdtempSync(join(nearest, '.clone-smoke-probe-')))
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`nothing can be written to ${nearest}, where ${path} should be: ${reason}`, `set ${variable} to a directory that can be written to, or free some space`)
  }
}

export function isOwned(marker: Marker): boolean {
  return marker.owner.boot === bootId() && isAlive(marker.owner)
}

/** The marker of a directory; undefined when it is no workspace of this version. */
export function readMarker(path: string): Marker | undefined {
  try {
    return markerSchema.parse(JSON.parse(readFileSync(join(path, markerFile), 'utf8')))
  } catch {
    return undefined
  }
}

/** Where the workspace of a run will be: the path asked for, or a new one in the temporary directory. */
export function chooseWorkspacePath(asked: string | undefined, run: string): string {
  return asked === undefined ? join(withoutLinks(tmpdir()), `clone-smoke-${run}`) : withoutLinks(resolve(asked))
}

/** The real path of what may not exist yet: a process tells its working directory without links. */
function withoutLinks(path: string): string {
  if (existsSync(path) || path === dirname(path)) return realpathSync(path)
  return join(withoutLinks(dirname(path)), basename(path))
}

/**
 * Makes the directory (mode 0700) with its marker. Call `checkWorkspacePath` first.
 * @returns the paths, and the topmost directory that had to be made
 * @throws Error EEXIST when another run made its workspace there in the same moment
 */
export function createWorkspace(root: string, suite: string): { readonly paths: WorkspacePaths; readonly made: string | undefined } {
  const owner = identify(process.pid)
  if (!owner) throw new Error(`/proc/${process.pid} cannot be read; clone-smoke needs Linux with /proc`)
  const made = mkdirSync(root, { recursive: true, mode: 0o700 })
  const marker: Marker = {
    schema: 1, id: basename(root), suite, createdAt: new Date().toISOString(), owner: { ...owner, boot: bootId() },
  }
  writeFileSync(join(root, markerFile), `${JSON.stringify(marker, null, 2)}\n`, { flag: 'wx' })
  const paths = workspacePaths(root)
  for (const dir of [paths.transcripts, paths.logs, paths.home, paths.temporary, paths.agentHome]) mkdirSync(dir, { mode: 0o700 })
  return { paths, made }
}
