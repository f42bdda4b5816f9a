import { lstatSync } from 'node:fs'

/**
 * Why a directory cannot be trusted to be this user's alone: undefined when it can. What lies in such a directory may
 * be run and removed; in any other, somebody else could have written it.
 */
export function whyNotOurs(path: string): string | undefined {
  const stat = lstatSync(path)
  if (stat.isSymbolicLink()) return 'it is a link'
  if (!stat.isDirectory()) return 'it is not a directory'
  const uid = process.getuid?.()
  if (stat.uid !== uid) return `it belongs to user ${stat.uid}, and this is user ${uid ?? 'unknown'}`
  if ((stat.mode & 0o022) !== 0) return `others can write to it (mode ${(stat.mode & 0o7777).toString(8)})`
  return undefined
}
