import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { UsageError } from '../errors.ts'
import { clearStaleLocks } from '../sandbox/ports.ts'
import { cleanWorkspace, examineWorkspace, findWorkspaces, type FoundWorkspace } from '../sandbox/cleanup.ts'
import type { Surroundings } from './main.ts'

/**
 * `clone-smoke cleanup [path ...] [--dry-run]`: ends what still runs of earlier runs and removes their workspaces; all
 * in the temp dir when no path is given. A run that lives is never touched.
 */
export async function cleanup(args: readonly string[], { cwd, stdout, stderr }: Surroundings): Promise<number> {
  const dryRun = args.includes('--dry-run')
  const unknown = args.find((argument) => argument.startsWith('-') && argument !== '--dry-run')
  if (unknown !== undefined) throw new UsageError(`unknown option ${unknown}`, 'npx clone-smoke cleanup [path ...] [--dry-run]')
  const paths = args.filter((argument) => !argument.startsWith('-')).map((path) => resolve(cwd(), path))
  if (!existsSync(tmpdir())) throw new UsageError(`the temp dir ${tmpdir()} does not exist`, 'set TMPDIR to a directory that does')
  const found = paths.length === 0 ? findWorkspaces(tmpdir()) : paths.map((path) => removable(examineWorkspace(path)))
  let left = 0
  for (const one of found) {
    const about = `${one.path} (${one.condition}${one.createdAt === undefined ? '' : `, made ${one.createdAt}`})`
    if (one.condition === 'alive' || one.condition === 'not ours') {
      stdout.write(`left alone  ${about}${one.why === undefined ? '' : `: ${one.why}`}\n`)
    } else if (dryRun) {
      stdout.write(`would remove  ${about}\n`)
    } else {
      const { ended, leftovers } = await cleanWorkspace(one.path, tmpdir())
      left += leftovers.length
      for (const line of leftovers) stderr.write(`clone-smoke: left behind: ${line}\n`)
      if (leftovers.length === 0) stdout.write(`removed  ${about}${ended === 0 ? '' : `, ${ended} ${ended === 1 ? 'process' : 'processes'} ended`}\n`)
    }
  }
  if (!dryRun) clearStaleLocks(tmpdir())
  if (found.length === 0) stdout.write(`no workspace of clone-smoke in ${tmpdir()}\n`)
  return left === 0 ? 0 : 1
}

/** A path that was named must be one that can go: to say nothing and do nothing would be no answer. */
function removable(found: FoundWorkspace): FoundWorkspace {
  if (found.condition === 'alive') throw new UsageError(`${found.path} belongs to a run that is alive (pid ${found.owner?.pid ?? 'unknown'})`, 'wait for it, or end it with Ctrl+C; nothing was touched')
  if (found.condition === 'not ours') throw new UsageError(`${found.path} is no workspace of clone-smoke: ${found.why ?? 'it has no marker'}`, 'npx clone-smoke cleanup --dry-run lists those in the temp dir; nothing was touched')
  return found
}
