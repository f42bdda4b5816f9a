import { lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { WorkspacePaths } from '../sandbox/workspace-paths.ts'

/** A larger file is only named. Bytes. */
const sizeLimit = 1024 * 1024

/**
 * What a verdict points at, by paths in the workspace. A file that is neither log nor transcript would be gone when somebody
 * looks: it is copied among the logs, as it was when the step failed, without its secrets. What cannot be copied is named all the same.
 * @param evidence paths in the workspace, or absolute ones
 */
export function keepEvidence({ root, logs, transcripts }: Pick<WorkspacePaths, 'root' | 'logs' | 'transcripts'>, evidence: readonly string[], redact: (text: string) => string): string[] {
  return [...new Set(evidence.map((path) => {
    const file = resolve(root, path)
    const inside = (folder: string): boolean => file.startsWith(folder + sep)
    if (!inside(root)) return path
    const named = relative(root, file)
    if (inside(logs) || inside(transcripts)) return named
    try {
      const stat = lstatSync(file)
      // A link may lead out of the workspace, and a pipe be waited at for ever.
      if (!stat.isFile() || stat.size > sizeLimit) return named
      const copy = join(logs, 'evidence', named)
      mkdirSync(dirname(copy), { recursive: true })
      writeFileSync(copy, redact(readFileSync(file, 'utf8')), { mode: 0o600 })
      return relative(root, copy)
    } catch {
      return named
    }
  }))]
}
