import { createHash, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A key for what is made from these parts: the same parts, the same key. */
export function keyOf(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16)
}

/** The directory of caches of a sandbox: shared by several runs with SMOKE_CACHE_DIR, else its own. */
export function cacheDirectory(env: Readonly<Record<string, string>>): string {
  return dirname(env.PIP_CACHE_DIR ?? '/nonexistent/pip')
}

/** What nobody has shown for so long is what a killed run left. Milliseconds; no step of a run may take as long. */
const abandonedMs = 24 * 3_600_000

/**
 * A directory that is made once per key. Whoever makes it does so under a name of its own, and shows it to the others
 * by a link when it is whole: no lock is needed, and what a killed run left half made is never used. Of two that make it
 * at a time, the second takes the first's, and removes its own.
 * @param make fills the directory, which is empty; what it makes may hold its own path
 * @returns the directory, and whether another's was found
 */
export async function madeOnce(cache: string, key: string, make: (directory: string) => Promise<void>): Promise<{ directory: string; found: boolean }> {
  const link = join(cache, key)
  if (existsSync(link)) return { directory: link, found: true }
  mkdirSync(cache, { recursive: true })
  removeAbandoned(cache)
  const own = `${key}.${randomBytes(4).toString('hex')}`
  mkdirSync(join(cache, own))
  try {
    await make(join(cache, own))
    if (showAs(link, own)) return { directory: link, found: false }
  } catch (error) {
    rmSync(join(cache, own), { recursive: true, force: true })
    throw error
  }
  rmSync(join(cache, own), { recursive: true, force: true })
  return { directory: link, found: true }
}

/** Makes the link, unless one is there that leads somewhere. Says whether it did. */
function showAs(link: string, own: string): boolean {
  try {
    symlinkSync(own, link)
    return true
  } catch (error) {
    if (existsSync(link)) return false
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
  // It leads nowhere: somebody removed what it led to.
  const fresh = `${link}.${randomBytes(4).toString('hex')}.link`
  symlinkSync(own, fresh)
  renameSync(fresh, link)
  return true
}

/** Removes what killed runs left half made. */
function removeAbandoned(cache: string): void {
  const entries = readdirSync(cache, { withFileTypes: true })
  const shown = new Set(entries.filter((entry) => entry.isSymbolicLink()).map(({ name }) => readlinkSync(join(cache, name))))
  for (const { name } of entries.filter((entry) => entry.isDirectory() && !shown.has(entry.name))) {
    // Another may be removing it as well.
    const { mtimeMs = Date.now() } = statSync(join(cache, name), { throwIfNoEntry: false }) ?? {}
    if (Date.now() - mtimeMs > abandonedMs) rmSync(join(cache, name), { recursive: true, force: true })
  }
}

/** The result of the work, unless the signal aborts first. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const done = new AbortController()
  try {
    return await Promise.race([work, new Promise<never>((_, reject) => {
      signal.addEventListener('abort', () => { reject(signal.reason instanceof Error ? signal.reason : new Error(String(signal.reason))) }, { once: true, signal: done.signal })
    })])
  } finally {
    done.abort()
  }
}
