import { existsSync, lstatSync, readFileSync, readdirSync, realpathSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { basename, dirname, join, resolve, sep } from 'node:path'
import { UsageError } from '../errors.ts'
import { ownerOf, readMarker } from './marker.ts'
import { isOwned } from './owner.ts'
import { mountsWithin } from './mounts.ts'

/** Directories of the system in which nothing is emptied at any depth. Source: hier(7). */
const systemTrees = ['/bin', '/boot', '/etc', '/lib', '/lib32', '/lib64', '/libx32', '/proc', '/sbin', '/sys', '/usr']
/** Directories of the system whose own entries are not emptied either. */
const systemShelves = ['/dev', '/home', '/run', '/var']
/** Where programs of every user put their temporary files. */
const temporaryFolders = ['/tmp', '/var/tmp', '/dev/shm', '/run/user']
/** How deep a living workspace is looked for below another one, and how many directories are looked through in all else. */
const depth = 3
const mostDirectories = 20_000

export interface Surroundings {
  readonly cwd: string
  readonly home: string
  /** Directories that the run needs: this package, the results. */
  readonly keepOut: readonly string[]
}

/**
 * Refuses what must not be emptied even when its user forces it: a typing error must not cost more than a sandbox.
 * @throws UsageError naming the path, and the reason
 */
export function checkMayBeReplaced(path: string, surroundings: Surroundings): void {
  const reason = whyProtected(resolve(path), surroundings)
  if (reason === undefined) return
  throw new UsageError(`${path} is not emptied, whatever is forced: ${reason}`, 'name an empty directory, or one that does not exist yet; nothing was touched')
}

function whyProtected(path: string, { cwd, home, keepOut }: Surroundings): string | undefined {
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (!stat) return undefined
  if (stat.isSymbolicLink()) return 'it is a link'
  if (!stat.isDirectory()) return 'it is not a directory'
  const real = realpathSync(path)
  const reading = readMarker(real)
  const owner = ownerOf(reading)
  const isWorkspace = reading.kind !== 'none' && reading.kind !== 'damaged'
  if (isOwned({ owner })) return `it is the workspace of a run that is alive (pid ${owner?.pid ?? '?'})`
  if (reading.kind === 'newer' && !owner) return 'it is a workspace of a newer version, and whether its run is alive cannot be told'

  if (real === sep) return 'it is the root of the file system'
  if (dirname(real) === sep || systemShelves.includes(dirname(real)) || systemTrees.some((tree) => isWithin(real, tree))) return 'it is a directory of the system'
  for (const folder of existing([tmpdir(), ...temporaryFolders])) {
    if (isWithin(folder, real)) return `${folder} is where temporary files of every program are`
  }
  for (const folder of existing([home, ...homes()])) {
    if (isWithin(folder, real)) return `it ${folder === real ? 'is' : 'holds'} the home ${folder}`
    if (!isWorkspace && folder !== sep && dirname(real) === folder && basename(real).startsWith('.')) return `it holds settings of the home ${folder}`
  }
  for (const folder of existing([cwd])) {
    if (isWithin(folder, real)) return `it ${folder === real ? 'is' : 'holds'} the current directory ${folder}`
  }
  for (const folder of existing(keepOut)) {
    if (isWithin(folder, real)) return `it ${folder === real ? 'is' : 'holds'} ${folder}, which this run needs`
    if (!isWorkspace && isWithin(real, folder)) return `it lies in ${folder}, which this run needs`
  }
  const [mount] = mountsWithin(real)
  if (mount !== undefined) return mount === real ? 'it is a mount point' : `${mount} in it is a mount point`
  if (stat.uid !== process.getuid?.()) return `it belongs to user ${stat.uid}`
  if (isRepository(real)) return 'it is a git repository'
  if (!isWorkspace) {
    const above = ancestorsOf(real).find(isRepository)
    if (above !== undefined) return `it lies in the git repository ${above}`
  }
  return whyContentProtected(real, isWorkspace)
}

/** A repository, or the workspace of a living run, in one of the directories below. */
function whyContentProtected(root: string, isWorkspace: boolean): string | undefined {
  let level = [root]
  let seen = 0
  for (let count = 0; level.length > 0 && (!isWorkspace || count < depth); count += 1) {
    level = level.flatMap(directoriesIn)
    seen += level.length
    if (!isWorkspace && seen > mostDirectories) return `it holds more than ${mostDirectories} directories, too many to look for repositories in all of them`
    for (const folder of level) {
      if (!isWorkspace && isRepository(folder)) return `it holds the git repository ${folder}`
      const owner = ownerOf(readMarker(folder))
      if (isOwned({ owner })) return `it holds ${folder}, the workspace of a run that is alive (pid ${owner?.pid ?? '?'})`
    }
  }
  return undefined
}

function directoriesIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => join(folder, name))
  } catch {
    // What cannot be read cannot be removed either.
    return []
  }
}

/** A working tree (`.git` is a directory, or a file in a worktree or submodule; `.hg` of Mercurial), or a bare repository. */
function isRepository(folder: string): boolean {
  return existsSync(join(folder, '.git')) || existsSync(join(folder, '.hg')) || ['HEAD', 'objects', 'refs'].every((name) => existsSync(join(folder, name)))
}

function ancestorsOf(path: string): string[] {
  const parent = dirname(path)
  return parent === path ? [] : [parent, ...ancestorsOf(parent)]
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(folder === sep ? sep : folder + sep)

/** Real paths of those that are there. */
function existing(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    try {
      return [realpathSync(path)]
    } catch {
      return []
    }
  })
}

/** Homes of every user that this machine knows by file, and this user's own however it is known. */
function homes(): string[] {
  const listed = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')[5] ?? '') : []
  const own = ((): string[] => {
    try {
      return [userInfo().homedir]
    } catch {
      return []
    }
  })()
  return [...listed, ...own].filter((home) => home.startsWith(sep))
}
