import { lstatSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import type { WorkspacePaths } from '../sandbox/workspace-paths.ts'

/** A larger file is only named. Bytes. */
const sizeLimit = 1024 * 1024

/** A file that changes from step to step is kept so often, then only named. */
const mostCopies = 20

/**
 * What a verdict points at, by paths in the workspace. A file that is neither log nor transcript would be gone when somebody
 * looks: it is copied among the logs, as it was when the step failed, without its secrets. What cannot be copied is named all the same.
 * @param evidence paths in the workspace, or absolute ones
 */
export function keepEvidence({ root, logs, transcripts }: Pick<WorkspacePaths, 'root' | 'logs' | 'transcripts'>, evidence: readonly string[], redact: (text: string) => string): string[] {
  return [...new Set(evidence.map((path) => {
    const file = resolve(root, path)
    if (!isInside(root, file)) return path
    const named = relative(root, file)
    if (isInside(logs, file) || isInside(transcripts, file)) return named
    try {
      const stat = lstatSync(file)
      // A link may lead out of the workspace, also one to a directory on the way, and a pipe be waited at for ever.
      if (!stat.isFile() || stat.size > sizeLimit || !isInside(realpathSync(root), realpathSync(file))) return named
      const text = textIn(readFileSync(file))
      if (text === undefined || redact(named) !== named) return named
      const copy = written(logs, named, redact(text))
      return copy === undefined ? named : relative(root, copy)
    } catch {
      return named
    }
  }))]
}

const isInside = (folder: string, file: string): boolean => file.startsWith(folder + sep)

/** Secrets are found in UTF-8 alone; of anything else a copy as text would be damaged, too. */
function textIn(bytes: Buffer): string | undefined {
  return bytes.includes(0) ? undefined : new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
}

/** Never over what is there, which an earlier verdict names, or which is a link or a pipe. */
function written(logs: string, named: string, text: string): string | undefined {
  for (let nth = 1; nth <= mostCopies; nth++) {
    const copy = join(logs, nth === 1 ? 'evidence' : `evidence-${nth}`, named)
    mkdirSync(dirname(copy), { recursive: true })
    if (realpathSync(dirname(copy)) !== join(realpathSync(logs), relative(logs, dirname(copy)))) return undefined
    const there = lstatSync(copy, { throwIfNoEntry: false })
    if (there?.isFile() === true && readFileSync(copy, 'utf8') === text) return copy
    if (there) continue
    writeFileSync(copy, text, { mode: 0o600, flag: 'wx' })
    return copy
  }
  return undefined
}
