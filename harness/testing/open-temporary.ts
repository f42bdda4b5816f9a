import { mkdtempSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

/** A new directory that another user can get through to: below /tmp where the temporary directory is private. */
export function makeOpenTemporary(prefix: string): string {
  return mkdtempSync(join(othersCanEnter(tmpdir()) ? tmpdir() : '/tmp', prefix))
}

function othersCanEnter(path: string): boolean {
  const may = (statSync(path).mode & 0o001) !== 0
  return may && (path === dirname(path) || othersCanEnter(dirname(path)))
}
