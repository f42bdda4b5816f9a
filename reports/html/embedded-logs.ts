import { lstatSync, readdirSync } from 'node:fs'
import { join, sep } from 'node:path'
import type { RunRecord } from '../../harness/record.ts'
import { headAndTail } from '../head-and-tail.ts'

export interface EmbeddedLog {
  /** Its place below the results, with `/`. */
  readonly path: string
  readonly bytes: number
  /** Undefined where the page has no more room: then there is only the file. */
  readonly text: string | undefined
  /** Bytes of the file that are not in `text`. */
  readonly leftOut: number
}

/** Bytes of one log, and of all of them, that stand in a page. */
export interface LogLimits {
  readonly each: number
  readonly all: number
}

export const logLimits: LogLimits = { each: 200_000, all: 4_000_000 }

/**
 * The logs and transcripts of a run, as far as a page has room, each with its two ends. What failed comes first, so that
 * it has room; what the model was sent comes last: it is long, and hardly ever tells more than the transcript.
 */
export function embedLogs(results: string, record: RunRecord, limits = logLimits): EmbeddedLog[] {
  const urgent = new Set(record.lanes.flatMap(({ verdict, steps }) => [
    ...(verdict?.evidence ?? []), ...steps.filter(({ status }) => status === 'failed').flatMap(({ logs, verdict: own }) => [...logs, ...(own?.evidence ?? [])]),
  ]))
  const rank = (path: string): number =>
    path.endsWith('.model.ndjson') ? 3 : urgent.has(path) ? 0 : path.startsWith('logs/') ? 1 : 2
  const paths = ['logs', 'transcripts'].flatMap((folder) => filesBelow(results, folder)).toSorted((a, b) => rank(a) - rank(b) || a.localeCompare(b))
  let left = limits.all
  return paths.map((path) => {
    const file = join(results, path)
    const bytes = lstatSync(file, { throwIfNoEntry: false })?.size ?? 0
    const room = Math.min(limits.each, left)
    // Two ends of a few bytes tell nothing.
    if (room < Math.min(bytes, 1000)) return { path, bytes, text: undefined, leftOut: bytes }
    left -= Math.min(bytes, room)
    return { path, bytes, text: headAndTail(file, room, 'left out here, see the file'), leftOut: Math.max(0, bytes - room) }
  })
}

function filesBelow(results: string, folder: string): string[] {
  try {
    return readdirSync(join(results, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(results.length + 1).split(sep).join('/'))
  } catch {
    // A run that ended early has no such folder.
    return []
  }
}
