import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, linkSync, lstatSync, openSync, readFileSync, readdirSync, renameSync, rmSync, unlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { bootId, isAlive } from '../processes/table.ts'
import { isSameProcess, markerFile } from './owner.ts'
import { createWhole } from './whole-file.ts'

/*
 * A lock is removed in three acts: renamed aside, looked at again, then unlinked or linked back. In between somebody
 * else could make a lock of the same port. Hence one rule for whoever made one: look for others, in place and aside, and
 * where another's living lock is there, give yours up; its mover waits for that. A lock that lies aside thus counts like one in its place.
 */

/** Who holds a lock: a process that cannot be mistaken for a later one, and its workspace. */
export interface PortOwner {
  readonly pid: number
  /** Clock ticks since boot. */
  readonly startTime: number
  readonly boot: string
  readonly workspace: string
}

export type PortLock =
  | { readonly kind: 'gone' }
  | { readonly kind: 'owned'; readonly owner: PortOwner }
  /** Made, and not yet or never written. */
  | { readonly kind: 'unfinished'; readonly ageMs: number }
  /** Not a plain file of this user: never touched. */
  | { readonly kind: 'foreign'; readonly why: string }

/** A lock appears with its text; one that is empty for so long never will have one. */
const unfinishedMs = 10_000

/** How long the mover of a lock waits for whoever is in its place to give way. Milliseconds. */
const putBackMs = 2000

const lockName = /^clone-smoke-port-(\d+)\.json(?:\.aside-(\d+)-[0-9a-f]+)?$/

export function lockPath(directory: string, port: number): string {
  return join(directory, `clone-smoke-port-${port}.json`)
}

export function sameOwner(one: PortOwner, other: PortOwner): boolean {
  return isSameProcess(one, other) && one.workspace === other.workspace
}

/** True while the port must be left to the lock's owner: it lives, or its workspace is kept. */
export function isLive(lock: PortLock): boolean {
  switch (lock.kind) {
    case 'gone': return false
    case 'foreign': return true
    case 'unfinished': return lock.ageMs < unfinishedMs
    case 'owned': return lives(lock.owner) || isKept(lock.owner.workspace)
  }
}

/** Reads a lock without following links and without waiting for pipes. */
export function readLock(path: string): PortLock {
  let fd: number
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'ENOENT' ? { kind: 'gone' } : { kind: 'foreign', why: `a file that cannot be read (${code ?? String(error)})` }
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) return { kind: 'foreign', why: 'something that is not a file' }
    if (stat.uid !== process.getuid?.()) return { kind: 'foreign', why: `a run of another user (uid ${stat.uid})` }
    const owner = stat.size > 65_536 ? undefined : parse(readFileSync(fd, 'utf8'))
    return owner === undefined ? { kind: 'unfinished', ageMs: Date.now() - stat.mtimeMs } : { kind: 'owned', owner }
  } finally {
    closeSync(fd)
  }
}

/** Whether a port has a lock that holds. With `owner`: one that this owner may not take over. Removes nothing. */
export function looksTaken(directory: string, port: number, owner?: PortOwner): boolean {
  const lock = readLock(lockPath(directory, port))
  return isLive(lock) && !(owner !== undefined && mayTakeOver(lock, owner))
}

/**
 * Makes the lock of a port, in place of a stale one; with `again` also of one of the same workspace.
 * @returns false when somebody else has it
 */
export function makeLock(directory: string, port: number, owner: PortOwner, { again }: { again: boolean }): boolean {
  const path = lockPath(directory, port)
  if (!create(path, owner)) {
    if (!removeLock(path, (lock) => !isLive(lock) || (again && mayTakeOver(lock, owner))) || !create(path, owner)) return false
  }
  if (!isHeldByAnother(directory, port, owner)) return true
  releaseLock(path, owner)
  return false
}

/** Removes the owner's lock, also when a crash left it aside; anybody else's is left alone. */
export function releaseLock(path: string, owner: PortOwner): void {
  const mine = (lock: PortLock): boolean => lock.kind === 'owned' && sameOwner(lock.owner, owner)
  const port = Number(lockName.exec(basename(path))?.[1])
  // Twice: a lock that is being moved could be missed in both of its places.
  for (let look = 0; look < 2; look += 1) {
    for (const lock of locksIn(dirname(path), port)) removeLock(lock.path, mine)
  }
}

/** Removes every lock of which `mayGo` is true. */
export function clearLocks(directory: string, mayGo: (lock: PortLock) => boolean): void {
  for (const { path } of locksIn(directory)) removeLock(path, mayGo)
}

/** Paths of locks, in their place or aside, that are stale. */
export function staleLocks(directory: string): string[] {
  const stale: string[] = []
  for (const { path, mover } of locksIn(directory)) {
    const lock = readLock(path)
    if (lock.kind === 'gone') continue
    if (!isLive(lock)) stale.push(path)
    else if (mover !== undefined && lock.kind !== 'foreign' && !processExists(mover)) linkBack(path)
  }
  return stale
}

/**
 * Removes a lock of which `mayGo` is true when it is looked at alone, out of everybody's reach.
 * @returns true when it was removed
 */
export function removeLock(path: string, mayGo: (lock: PortLock) => boolean): boolean {
  const goes = (lock: PortLock): boolean => lock.kind !== 'gone' && lock.kind !== 'foreign' && mayGo(lock)
  if (!goes(readLock(path))) return false
  const place = join(dirname(path), basename(path).replace(/\.aside-.*$/, ''))
  const aside = `${place}.aside-${process.pid}-${randomBytes(6).toString('hex')}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
  if (goes(readLock(aside))) {
    rmSync(aside, { force: true })
    return true
  }
  const deadline = performance.now() + putBackMs
  // Where it cannot be put back it stays aside, where it holds just as well.
  while (!linkBack(aside) && performance.now() < deadline) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5)
  return false
}

/** Moves a lock that lies aside to its place, unless that is taken. */
function linkBack(aside: string): boolean {
  try {
    linkSync(aside, aside.replace(/\.aside-.*$/, ''))
    unlinkSync(aside)
    return true
  } catch (error) {
    // Not there: somebody else has put it back, or its owner has removed it.
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
  }
}

function create(path: string, owner: PortOwner): boolean {
  return createWhole(path, `${JSON.stringify(owner)}\n`, 0o644)
}

function mayTakeOver(lock: PortLock, owner: PortOwner): boolean {
  return lock.kind === 'owned' && lock.owner.workspace === owner.workspace && (sameOwner(lock.owner, owner) || !lives(lock.owner))
}

function isHeldByAnother(directory: string, port: number, owner: PortOwner): boolean {
  // In its place too: one's own may have been moved aside meanwhile, and another's been put back.
  const look = (): boolean => locksIn(directory, port).some(({ path }) => {
    const lock = readLock(path)
    return isLive(lock) && !(lock.kind === 'owned' && lock.owner.workspace === owner.workspace)
  })
  // Twice: a lock that is being moved could be missed in both of its places.
  return look() || look()
}

function locksIn(directory: string, port?: number): { path: string; mover?: number }[] {
  return namesIn(directory).toSorted().flatMap((name) => {
    const [, ofPort, mover] = lockName.exec(name) ?? []
    if (ofPort === undefined || (port !== undefined && Number(ofPort) !== port)) return []
    return [{ path: join(directory, name), ...(mover !== undefined && { mover: Number(mover) }) }]
  })
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** True while the process that made the lock lives. */
export function lives(owner: PortOwner): boolean {
  return owner.boot === bootId() && isAlive(owner)
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** A workspace that cannot be looked at may still be there. */
function isKept(workspace: string): boolean {
  try {
    return lstatSync(join(workspace, markerFile)).isFile()
  } catch (error) {
    return !['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')
  }
}

function parse(text: string): PortOwner | undefined {
  try {
    const { pid, startTime, boot, workspace } = JSON.parse(text) as Partial<Record<keyof PortOwner, unknown>>
    // By hand: the janitor reads locks too, and is no larger than it must be.
    return Number.isInteger(pid) && typeof startTime === 'number' && typeof boot === 'string' && typeof workspace === 'string'
      ? { pid: Number(pid), startTime, boot, workspace } : undefined
  } catch {
    return undefined
  }
}
