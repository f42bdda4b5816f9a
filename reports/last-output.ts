import { closeSync, fstatSync, openSync, readSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { xmlText } from './xml-text.ts'

/** How much of a file's end is read for its last line. Bytes. */
const tailBytes = 4096

/** The last line that anything in a workspace has said: of its logs and transcripts the one that was written last. */
export class LastOutput {
  readonly #folders: readonly string[]

  constructor(workspace: string) {
    this.#folders = [join(workspace, 'logs'), join(workspace, 'transcripts')]
  }

  /** @param since milliseconds since 1970: what was said before is old. Never throws */
  line(since: number): string | undefined {
    try {
      const [newest] = this.#folders.flatMap(filesIn).filter(({ writtenAt }) => writtenAt >= since).sort((a, b) => b.writtenAt - a.writtenAt)
      return newest === undefined ? undefined : lastLine(newest.path)
    } catch {
      return undefined
    }
  }
}

function filesIn(folder: string): { path: string; writtenAt: number }[] {
  return readdirSync(folder).flatMap((name) => {
    // What the model was sent is written by the harness, a whole conversation at a time.
    if (name.endsWith('.model.ndjson')) return []
    const path = join(folder, name)
    const stat = statSync(path, { throwIfNoEntry: false })
    return stat?.isFile() === true ? [{ path, writtenAt: stat.mtimeMs }] : []
  })
}

function lastLine(path: string): string | undefined {
  const descriptor = openSync(path, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const buffer = Buffer.alloc(Math.min(size, tailBytes))
    readSync(descriptor, buffer, 0, buffer.length, size - buffer.length)
    const line = xmlText(buffer.toString()).split('\n').findLast((one) => one.trim() !== '')?.trim()
    return line?.startsWith('{') === true ? shortOfEvent(line) : line
  } finally {
    closeSync(descriptor)
  }
}

/** Words of an event that is one line of JSON: `item.completed mcp_tool_call stack grep`. */
function shortOfEvent(line: string): string {
  const words: string[] = []
  const collect = (value: unknown): void => {
    if (typeof value === 'string' && value.length > 0 && value.length <= 60) words.push(value)
    else if (typeof value === 'object' && value !== null) for (const [key, one] of Object.entries(value)) if (!/(^|_)id$|time|^at$/i.test(key)) collect(one)
  }
  try {
    collect(JSON.parse(line))
  } catch {
    return line
  }
  return words.slice(0, 6).join(' ')
}
