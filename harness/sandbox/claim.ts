import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UsageError } from '../errors.ts'
import { ownerOf, readMarker } from './marker.ts'
import { claimPrefix, isOwned, thisOwner, type Owner } from './owner.ts'
import { createWhole, readPlain } from './whole-file.ts'

export type Claim = { readonly release: () => void } | { readonly heldBy: Owner | undefined }

/**
 * Takes the right to adopt or remove a workspace whose owner is dead: of several processes at once exactly one gets it.
 * A claim is a file named for the dead process it succeeds, so that a claimer who dies is succeeded in the same way, and
 * nobody ever has to remove the lock of another.
 */
export function claim(root: string): Claim {
  const self = thisOwner()
  for (;;) {
    const { passed, holder, free } = follow(root)
    if (!free) return { heldBy: holder }
    const own = claimFile(root, holder)
    if (!make(own, self)) continue
    // Whoever was first may be through by now: then the way from the marker no longer leads to this claim.
    const again = follow(root)
    if (!again.free && again.holder !== undefined && again.passed.at(-1) === own) {
      return { release: () => { for (const file of [...passed, own]) rmSync(file, { force: true }) } }
    }
    rmSync(own, { force: true })
    return { heldBy: again.holder }
  }
}

function make(file: string, self: Owner): boolean {
  try {
    return createWhole(file, JSON.stringify(self))
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException
    if (!/^(ENOSPC|EDQUOT|EROFS|EACCES)$/.test(code)) throw error
    throw new UsageError(`${dirname(file)} cannot be claimed, so that no other process works on it meanwhile: ${message}`, 'free some kilobytes on that disk, or see who may write there; then try again')
  }
}

interface Way {
  /** The claims on the way from the marker to the holder. */
  readonly passed: readonly string[]
  readonly holder: Owner | undefined
  /** The holder is dead, and nobody has succeeded it. */
  readonly free: boolean
}

function follow(root: string): Way {
  const reading = readMarker(root)
  const passed: string[] = []
  let holder = ownerOf(reading)
  while (!isOwned({ owner: holder })) {
    const file = claimFile(root, holder)
    const next = readClaim(file)
    if (next === undefined) return { passed, holder, free: reading.kind !== 'none' }
    passed.push(file)
    holder = next
  }
  return { passed, holder, free: false }
}

const claimFile = (root: string, holder: Owner | undefined): string =>
  join(root, claimPrefix + createHash('sha256').update(JSON.stringify([holder?.boot, holder?.pid, holder?.startTime])).digest('hex').slice(0, 16))

function readClaim(file: string): Owner | undefined {
  const text = readPlain(file)
  return text === undefined ? undefined : JSON.parse(text) as Owner
}
