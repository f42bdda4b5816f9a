import { closeSync, fstatSync, lstatSync, openSync, readSync } from 'node:fs'
import { relative, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { glob } from 'tinyglobby'

export interface LogTail {
  /** Relative to the workspace. */
  readonly file: string
  readonly bytes: number
  readonly writtenAt: number
  /** Oldest first; a longer line is cut. */
  readonly lines: readonly string[]
}

/** What is shown: lines of a file, characters of a line, bytes read of a file, and files in all. */
const most = { lines: 40, characters: 400, bytes: 64 * 1024, files: 30 }

/**
 * The ends of the logs that match, most recently written first. Links, pipes and what lies outside the workspace are
 * left out. `omitted` names the files that are too many.
 * @param redact takes the secrets out of a line, before it is cut
 */
export async function readLogTails(
  root: string, globs: readonly string[], files: readonly string[], signal: AbortSignal, redact: (line: string) => string,
): Promise<{ readonly tails: readonly LogTail[]; readonly omitted: readonly string[] }> {
  const matched = globs.length === 0
    ? []
    : await glob([...globs], { cwd: root, dot: true, absolute: true, followSymbolicLinks: false, expandDirectories: false, signal })
  const paths = new Set([...matched, ...files].map((path) => resolve(root, path)))
  const found = [...paths].flatMap((path) => {
    const stat = path.startsWith(`${root}/`) ? lstatSync(path, { throwIfNoEntry: false }) : undefined
    return stat?.isFile() === true ? [{ path, writtenAt: stat.mtimeMs }] : []
  }).sort((a, b) => b.writtenAt - a.writtenAt)
  return {
    tails: found.slice(0, most.files).flatMap(({ path }) => {
      const tail = readTail(path, redact)
      return tail === undefined ? [] : [{ ...tail, file: relative(root, path), lines: tail.lines.slice(-most.lines) }]
    }),
    omitted: found.slice(most.files).map(({ path }) => relative(root, path)),
  }
}

/** The last lines of a file as far as 64 KiB reach; undefined when it cannot be read. */
export function readTail(path: string, redact = (line: string): string => line): Omit<LogTail, 'file'> | undefined {
  let fd: number
  try {
    fd = openSync(path, 'r')
  } catch {
    return undefined
  }
  try {
    const { size, mtimeMs } = fstatSync(fd)
    const buffer = Buffer.alloc(Math.min(size, most.bytes))
    const read = readSync(fd, buffer, 0, buffer.length, size - buffer.length)
    const lines = stripVTControlCharacters(buffer.subarray(0, read).toString()).replaceAll('\0', '').trimEnd().split('\n')
    // The first line is cut where the file is longer.
    const whole = size > buffer.length ? lines.slice(1) : lines
    return { bytes: size, writtenAt: mtimeMs, lines: whole.map((line) => redact(line).slice(0, most.characters)) }
  } catch {
    return undefined
  } finally {
    closeSync(fd)
  }
}
