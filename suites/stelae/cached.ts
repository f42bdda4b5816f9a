import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A key for what is made from these parts: the same parts, the same key. */
export function keyOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

/** The directory of caches of a sandbox: shared by several runs with SMOKE_CACHE_DIR, else its own. */
export function cacheDirectory(env: Readonly<Record<string, string>>): string {
  return dirname(env.PIP_CACHE_DIR ?? '/nonexistent/pip')
}

/**
 * A directory that is made once per key. Whoever makes it does so under a name of its own, and shows it to the others
 * by a link when it is whole: no lock is needed, and what a killed run left half made is never used.
 * @param make fills the directory, which is empty; what it makes may hold its own path
 * @returns the directory, and whether it was there already
 */
export async function madeOnce(cache: string, key: string, make: (directory: string) => Promise<void>): Promise<{ directory: string; found: boolean }> {
  const link = join(cache, key)
  if (existsSync(link)) return { directory: link, found: true }
  const own = `${key}.${randomBytes(4).toString('hex')}`
  mkdirSync(join(cache, own), { recursive: true })
  try {
    await make(join(cache, own))
  } catch (error) {
    rmSync(join(cache, own), { recursive: true, force: true })
    throw error
  }
  // Renamed over what may be there: a link that leads nowhere is replaced, another's whole one by an equal one.
  const fresh = `${link}.${randomBytes(4).toString('hex')}.link`
  symlinkSync(own, fresh)
  renameSync(fresh, link)
  return { directory: link, found: false }
}
