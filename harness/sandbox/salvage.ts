import { copyFileSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Copies what a person needs to understand a run out of a workspace that is about to go. All of it was written without
 * secrets; the state, which has them, is copied without them whenever it changes. The small files come first, so that a
 * disk which fills up costs the long logs alone.
 * @returns what could not be copied; of such a file nothing is left in the results
 * @throws when the results folder cannot be made
 */
export function salvageEvidence(workspace: string, results: string): NotSalvaged[] {
  mkdirSync(results, { recursive: true })
  const files = ['progress.ndjson', 'transcripts', 'logs'].flatMap((name) => plainFiles(workspace, name))
  return files.toSorted((a, b) => a.size - b.size).flatMap(({ file }) => {
    const to = join(results, file)
    try {
      mkdirSync(dirname(to), { recursive: true })
      copyFileSync(join(workspace, file), to)
      return []
    } catch (error) {
      if (lstatSync(to, { throwIfNoEntry: false })?.isFile() === true) rmSync(to, { force: true })
      return [{ file, why: error instanceof Error ? error.message.replace(/, copyfile .*/s, '') : String(error) }]
    }
  })
}

/** A file of the workspace, by its path there, and why it was not copied. */
export interface NotSalvaged {
  readonly file: string
  readonly why: string
}

/** Pipes and sockets cannot be copied, and a link may lead out of the workspace. */
function plainFiles(workspace: string, file: string): { readonly file: string; readonly size: number }[] {
  const stat = lstatSync(join(workspace, file), { throwIfNoEntry: false })
  if (stat?.isFile() === true) return [{ file, size: stat.size }]
  if (stat?.isDirectory() !== true) return []
  return readdirSync(join(workspace, file)).flatMap((name) => plainFiles(workspace, join(file, name)))
}
