import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import getPort, { clearLockedPorts } from 'get-port'
import { PrerequisiteError, UsageError } from '../errors.ts'
import { holdersOf, listeningSockets } from '../processes/listeners.ts'
import { commandOf } from '../processes/table.ts'
import { isLive, lives, lockPath, looksTaken, makeLock, readLock, releaseLock, removeLock, staleLocks, type PortOwner } from './port-locks.ts'

export type { PortOwner } from './port-locks.ts'

export interface PortReservation {
  readonly port: number
  readonly lockFile: string
}

export interface PortRequest {
  readonly owner: PortOwner
  /** Where the locks of all runs are; the same for each of them. */
  readonly directory: string
  /** Exactly this port, or an error. */
  readonly asked?: number | undefined
  /** The owner's own stack listens on the port that is asked for: it was left running. */
  readonly heldByUs?: boolean
  /** Ports not to choose. */
  readonly exclude?: readonly number[]
  /** From 0 up to 1, as Math.random. */
  readonly random?: () => number
}

/** Above what services are known by, and below where Linux begins to take ports for outgoing connections (32768). */
const choice = { first: 20_000, last: 32_767 }

/** How long a port that was asked for may be busy with the trial bindings of other runs. Milliseconds. */
const trialMs = 500

const otherPort = 'ask for another port, or for none: then a free one is chosen'

/**
 * Takes a free port: binds it for a moment, then makes a lock file `clone-smoke-port-<port>.json` in `directory`, so that no
 * other run takes it between now and the stack's start. A lock holds while its owner lives or its workspace is kept.
 * @throws UsageError when the port asked for is held, locked or no port; it names the holder
 * @throws PrerequisiteError when no port is free
 */
export async function reservePort(request: PortRequest): Promise<PortReservation> {
  if (request.asked !== undefined) return reserveAsked(request, request.asked)
  const { owner, directory, exclude = [], random = Math.random } = request
  const candidates = candidatePorts(localPortRange()).filter((port) => !exclude.includes(port))
  for (let left = candidates.length; left > 0; left -= 1) {
    const index = Math.min(left - 1, Math.floor(random() * left))
    const port = candidates[index] ?? 0
    candidates[index] = candidates[left - 1] ?? 0
    if (looksTaken(directory, port) || !await canBind(port)) continue
    const lockFile = lockPath(directory, port)
    if (makeLock(directory, port, owner, { again: false })) return { port, lockFile }
  }
  throw new PrerequisiteError(
    `no port from ${choice.first} to ${choice.last} is free (${exclude.length} excluded)`,
    `see who listens: ss -ltnp; and which runs hold locks: ls ${directory}/clone-smoke-port-*`,
  )
}

/** Removes the lock if it is the owner's; anybody else's is left alone. */
export function releasePort({ lockFile }: { readonly lockFile: string }, owner: PortOwner): void {
  releaseLock(lockFile, owner)
}

/**
 * Removes the locks whose owner is dead and whose workspace is gone, and what a crash left of such a removal.
 * Only plain files of this user are looked at.
 * @returns the paths that were removed
 */
export function clearStaleLocks(directory: string): string[] {
  return staleLocks(directory).filter((path) => removeLock(path, (lock) => !isLive(lock)))
}

/** Who listens on the port, on any address (IPv4, IPv6, wildcard); undefined when nobody does. A holder of another user has no pid. */
function holderOf(port: number): { readonly pid: number | undefined } | undefined {
  const inodes = inodesOn(port)
  const holders = holdersOf(inodes)
  const [pid] = [...holders.values()].flat().toSorted((a, b) => a - b)
  if (pid !== undefined) return { pid }
  // A socket without a visible holder belongs to another user, unless it was closed while we looked.
  const now = inodesOn(port)
  return [...inodes].some((inode) => !holders.has(inode) && now.has(inode)) ? { pid: undefined } : undefined
}

function inodesOn(port: number): Set<string> {
  return new Set(listeningSockets().filter((socket) => socket.port === port).map(({ inode }) => inode))
}

/** The ports to choose from: where an outgoing connection could take one meanwhile only when there are no others. */
export function candidatePorts(local: { readonly first: number; readonly last: number }): number[] {
  const all = Array.from({ length: choice.last - choice.first + 1 }, (_, index) => choice.first + index)
  const outside = all.filter((port) => port < local.first || port > local.last)
  return outside.length === 0 ? all : outside
}

/** Ports that the kernel gives to outgoing connections. Source: ip(7), ip_local_port_range; it holds for IPv6 too. */
function localPortRange(): { first: number; last: number } {
  try {
    const [first, last] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number)
    return { first: first ?? 32_768, last: last ?? 60_999 }
  } catch {
    return { first: 32_768, last: 60_999 }
  }
}

/** Binds every address of this machine and the wildcards in turn, and lets go again. */
async function canBind(port: number): Promise<boolean> {
  // get-port remembers for 15 s what it gave; here that is the lock file's job, and a port may be taken again.
  clearLockedPorts()
  // It answers with any free port when this one is taken.
  return await getPort({ port }) === port
}

async function reserveAsked({ owner, directory, heldByUs = false, exclude = [] }: PortRequest, port: number): Promise<PortReservation> {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw new UsageError(`${port} is no port (1 to 65535)`, otherPort)
  if (exclude.includes(port)) throw new UsageError(`port ${port} is wanted twice by this run`, otherPort)
  const lockFile = lockPath(directory, port)
  const deadline = performance.now() + trialMs
  for (;;) {
    if (looksTaken(directory, port, owner)) throw lockedError(port, lockFile)
    if (heldByUs || await canBind(port)) break
    // Another run's trial binding is over in a moment; a listener stays.
    if (performance.now() >= deadline) throw await heldError(port)
    await delay(20)
  }
  if (!makeLock(directory, port, owner, { again: true })) throw lockedError(port, lockFile)
  return { port, lockFile }
}

function lockedError(port: number, lockFile: string): UsageError {
  const lock = readLock(lockFile)
  const locked = (by: string, next: string): UsageError => new UsageError(`port ${port} is locked by ${by}\n  lock: ${lockFile}`, next)
  if (lock.kind !== 'owned') return locked(lock.kind === 'foreign' ? lock.why : 'a run that takes it right now', otherPort)
  const { pid, workspace } = lock.owner
  return lives(lock.owner)
    ? locked(`a run that is alive (pid ${pid}, workspace ${workspace})`, `wait for it to end; or ${otherPort}`)
    : locked(`a workspace that was kept (${workspace}; its run, pid ${pid}, has ended)`, `look at it, then remove it: npx clone-smoke cleanup '${workspace}'; or ${otherPort}`)
}

async function heldError(port: number): Promise<UsageError> {
  const holder = holderOf(port)
  if (holder === undefined) {
    return new UsageError(`port ${port} cannot be bound though nobody listens on it: ${await bindProblem(port)}`, otherPort)
  }
  return holder.pid === undefined
    ? new UsageError(`port ${port} is held by a process of another user`, `see which: sudo ss -ltnp 'sport = :${port}'; or ${otherPort}`)
    : new UsageError(`port ${port} is held by process ${holder.pid}: ${commandOf(holder.pid)}`, `end it yourself (nothing was done to it); or ${otherPort}`)
}

function bindProblem(port: number): Promise<string> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => { resolve(error.message) })
    server.listen(port, () => {
      server.close(() => { resolve('it was held for a moment only; try again') })
    })
  })
}
