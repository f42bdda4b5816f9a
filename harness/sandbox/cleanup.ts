import { existsSync, lstatSync, readdirSync, realpathSync, rmdirSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { UsageError } from '../errors.ts'
import { claim } from './claim.ts'
import { clearPortLocks, endWorkspace, ledgerOf } from './dead-workspace.ts'
import { janitorEnded, janitorOf } from './find-janitor.ts'
import { removeWorkspace } from './finish.ts'
import { sandboxOf } from './ledger.ts'
import { ownerOf, readMarker, type MarkerReading } from './marker.ts'
import { claimPrefix, isOwned, markerFile, type Owner } from './owner.ts'
import { whyNotOurs } from './ownership.ts'
import { workspacePrefix } from './workspace.ts'

export interface FoundWorkspace {
  readonly path: string
  /** `older`: made by an earlier version, which did not mark what is kept: only its user removes it. */
  readonly condition: 'alive' | 'kept' | 'abandoned' | 'older' | 'not ours'
  readonly owner?: Owner
  readonly run?: string
  readonly createdAt?: string
  readonly why?: string
}

/** How long another process that cleans the same workspace is waited for. Milliseconds. */
const othersMs = 20_000

/**
 * Workspaces in the temp dir: directories `clone-smoke-*` with a marker. What another user could have written, or what
 * is reached by a link, is `not ours`, and never looked into.
 */
export function findWorkspaces(tempDir: string): FoundWorkspace[] {
  const base = realpathSync(tempDir)
  return readdirSync(base).filter((name) => name.startsWith(workspacePrefix)).map((name) => examine(join(base, name)))
    .filter((found) => found !== undefined)
}

/** What a path that somebody named is. */
export function examineWorkspace(path: string): FoundWorkspace {
  return examine(path) ?? { path, condition: 'not ours', why: existsSync(path) ? 'it has no marker' : 'it does not exist' }
}

function examine(path: string): FoundWorkspace | undefined {
  try {
    // Through a link too: the directory it leads to would be taken for one in the temp dir.
    if (!statSync(path).isDirectory() || !lstatSync(join(path, markerFile), { throwIfNoEntry: false })) return undefined
    const why = whyNotOurs(path)
    if (why !== undefined) return { path, condition: 'not ours', why }
    return { path, ...about(path, readMarker(path)) }
  } catch {
    // It went in this moment, or cannot be looked into.
    return undefined
  }
}

function about(path: string, reading: MarkerReading): Omit<FoundWorkspace, 'path'> {
  const owner = ownerOf(reading)
  const told = {
    ...(owner && { owner }), ...(reading.kind === 'current' && { run: reading.marker.run, createdAt: reading.marker.createdAt }),
  }
  if (isOwned({ owner })) return { condition: 'alive', ...told }
  const janitor = janitorOf(path)
  if (janitor) return { condition: 'alive', ...told, why: `its janitor (pid ${janitor.pid}) is still at work` }
  switch (reading.kind) {
    case 'none':
    case 'damaged':
      return { condition: 'not ours', ...told, why: 'its marker cannot be read' }
    case 'newer':
      return { condition: 'not ours', ...told, why: `its marker is of a newer version (schema ${reading.schema ?? '?'})` }
    case 'older':
      return { condition: 'older', ...told, why: `its marker is of an older version (schema ${reading.schema ?? '?'})` }
    case 'current':
      // A run that was killed could not mark what it was asked to keep: its ledger says so.
      return { condition: reading.marker.kept || sandboxOf(ledgerOf(path))?.keep === true ? 'kept' : 'abandoned', ...told }
  }
}

interface Cleaned {
  readonly ended: number
  readonly leftovers: readonly string[]
}

/**
 * Ends what still runs of a workspace and removes it, kept or not, with the port locks that are its own. What of its
 * ledger is followed: `endWorkspace` (dead-workspace.ts). A directory that the user had made is emptied.
 * @returns how many processes were ended, and what could not be removed
 * @throws UsageError when it is none of ours, or alive: then nothing was touched
 */
export async function cleanWorkspace(path: string, tempDir: string): Promise<Cleaned> {
  const deadline = performance.now() + othersMs
  for (;;) {
    const { root, busy } = checkCleanable(path)
    if (root === undefined) return { ended: 0, leftovers: [] }
    if (busy === undefined) {
      const done = await cleanClaimed(root, realpathSync(tempDir))
      if (done) return done
    }
    if (performance.now() >= deadline) throw new UsageError(`${path} is in the hands of another process${busy === undefined ? '' : `: ${busy}`}`, 'wait for it to end, then try again')
    await delay(50)
  }
}

/** The real path of a workspace that may be cleaned; none when there is nothing any more. */
function checkCleanable(path: string): { readonly root?: string; readonly busy?: string } {
  const asked = resolve(path)
  if (!lstatSync(asked, { throwIfNoEntry: false })) return {}
  const why = whyNotOurs(asked)
  if (why !== undefined) throw new UsageError(`${path} is not cleaned up: ${why}`, 'if it is yours, look at it and remove it by hand')
  const root = realpathSync(asked)
  const reading = readMarker(root)
  const owner = ownerOf(reading)
  if (isOwned({ owner })) throw new UsageError(`${path} belongs to a run that is alive (pid ${owner?.pid ?? '?'})`, 'wait for it to end, or stop it with Ctrl+C')
  const janitor = janitorOf(root)
  if (janitor) return { root, busy: `its janitor (pid ${janitor.pid}) is still at work` }
  if (reading.kind === 'none') {
    // What another cleaner has just emptied, or could not quite.
    if (readdirSync(root).every((name) => name.startsWith(claimPrefix))) return {}
    throw new UsageError(`${path} is not a clone-smoke workspace: it has no ${markerFile}`, 'npx clone-smoke cleanup --dry-run lists the workspaces in the temp dir')
  }
  if (reading.kind === 'newer') throw new UsageError(`${path} was made by a newer version (schema ${reading.schema ?? '?'})`, 'clean it up with that version')
  if (reading.kind === 'damaged' && ledgerOf(root).length === 0) {
    throw new UsageError(`${path} is not known to be a workspace: ${markerFile} cannot be read and no ledger tells of it`, `look at it, then remove it: rm -r '${path}'`)
  }
  return { root }
}

/** Undefined when another process has it in hands. */
async function cleanClaimed(root: string, tempDir: string): Promise<Cleaned | undefined> {
  const claimed = tryClaim(root)
  if (!claimed) return undefined
  try {
    const sandbox = sandboxOf(ledgerOf(root))
    const { ended, leftovers } = await endWorkspace(root, tempDir)
    clearPortLocks(root, tempDir)
    return { ended, leftovers: [...leftovers, ...removeWorkspace({ workspace: root, made: sandbox ? sandbox.made : root })] }
  } finally {
    claimed.release()
  }
}

function tryClaim(root: string): { readonly release: () => void } | undefined {
  try {
    const claimed = claim(root)
    return 'release' in claimed ? claimed : undefined
  } catch (error) {
    // The directory went while it was claimed.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * At the start of a run: removes what is abandoned (its owner is dead, its janitor gone, and it is not kept). Never throws.
 * @returns what it did, in sentences
 */
export async function cleanAbandoned(tempDir: string, spare?: string): Promise<readonly string[]> {
  const base = realpathSync(tempDir)
  removeEmptied(base)
  const candidates = findWorkspaces(base).filter(({ path }) => path !== spare).filter((found) => found.condition === 'abandoned' || (found.condition === 'alive' && !isOwned(found)))
  const sentences = await Promise.all(candidates.map(({ path }) => cleanIfAbandoned(path, base)))
  return sentences.filter((sentence) => sentence !== undefined)
}

/** A run that makes its workspace marks it in the same moment; one that is empty for so long was being removed. Milliseconds. */
const emptyMs = 60_000

/** Removes directories of which only the name is left: whoever emptied them was killed before the last act. */
function removeEmptied(base: string): void {
  for (const name of readdirSync(base).filter((one) => /^clone-smoke-\d{8}-\d{6}-[0-9a-f]{6}$/.test(one))) {
    try {
      const stat = lstatSync(join(base, name))
      if (stat.isDirectory() && stat.uid === process.getuid?.() && Date.now() - stat.mtimeMs > emptyMs) rmdirSync(join(base, name))
    } catch {
      // It is not empty, or it went in this moment.
    }
  }
}

async function cleanIfAbandoned(path: string, tempDir: string): Promise<string | undefined> {
  if (!await janitorEnded(path)) return `${path} is left alone: its janitor is still at work`
  // Its janitor may have removed it, or somebody gone on in it.
  const found = examine(path)
  if (found?.condition !== 'abandoned') return undefined
  const what = `the abandoned workspace ${path} (run ${found.run ?? '?'}; its owner, pid ${found.owner?.pid ?? '?'}, is dead)`
  try {
    const done = await cleanClaimed(path, tempDir)
    // Another run cleans it, and says so itself.
    if (!done) return undefined
    const ended = done.ended === 0 ? '' : `, and ended ${done.ended} ${done.ended === 1 ? 'process' : 'processes'} of it`
    if (done.leftovers.length === 0) return `removed ${what}${ended}`
    return `could not remove all of ${what}${ended}: ${done.leftovers.join('; ')}`
  } catch (error) {
    return `could not remove ${what}: ${error instanceof Error ? error.message : String(error)}`
  }
}
