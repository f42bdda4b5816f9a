import { lstatSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { headAndTail } from './head-and-tail.ts'

/** A longer log or transcript is kept as its two ends. Bytes. */
const fileLimit = 10 * 1024 * 1024

/**
 * Cuts the long files below the given folders of the results to head and tail, with a line that says so. Links and
 * special files are not touched. Returns a sentence for each file that could not be cut.
 */
export function trimFiles(results: string, folders: readonly string[] = ['transcripts', 'logs'], limit = fileLimit): string[] {
  return folders.flatMap((folder) => filesBelow(join(results, folder))).flatMap((file) => {
    try {
      if (lstatSync(file).size <= limit) return []
      const short = headAndTail(file, limit, 'left out: the file was longer than the results keep')
      writeFileSync(`${file}.new`, short, { mode: 0o600 })
      renameSync(`${file}.new`, file)
      return []
    } catch (error) {
      return [`${file} could not be shortened: ${error instanceof Error ? error.message : String(error)}`]
    }
  })
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
  } catch {
    // A run that ended early has no such folder.
    return []
  }
}
