import { bootId, identify, isAlive, pidNamespace } from '../processes/table.ts'

/** The file that makes a directory a workspace; it names the owner, so that nobody cleans up a run that lives. */
export const markerFile = '.clone-smoke.json'

/** What the file name of every claim on a workspace begins with (claim.ts). */
export const claimPrefix = '.clone-smoke.claim-'

/** The process that a workspace belongs to. */
export interface Owner {
  readonly pid: number
  /** Clock ticks since boot. */
  readonly startTime: number
  readonly boot: string
  /** The PID namespace, without which a pid means nothing. */
  readonly pids?: string | undefined
}

/** True while the process that a marker names lives. */
export function isOwned({ owner }: { readonly owner?: Owner | undefined }): boolean {
  if (owner?.boot !== bootId()) return false
  // A container that shares this directory: whether its run lives cannot be seen from here.
  return (owner.pids !== undefined && owner.pids !== pidNamespace()) || isAlive(owner)
}

/** The same process, of the same boot: a later one may have its pid. */
export function isSameProcess(one: Partial<Owner> | undefined, other: Owner): boolean {
  return one?.pid === other.pid && one.startTime === other.startTime && one.boot === other.boot
}

/** This process, as markers name it. */
export function thisOwner(): Owner {
  const own = identify(process.pid)
  if (!own) throw new Error(`/proc/${process.pid} cannot be read; clone-smoke needs Linux with /proc`)
  return { ...own, boot: bootId(), pids: pidNamespace() }
}
