import { closeSync, fstatSync, openSync, readSync, readFileSync } from 'node:fs'
import { progressEvent, type ProgressEvent } from '../harness/record.ts'

/** Reads a progress file to its end. Lines that were cut by a crash, or are of a later version, are left out. */
export function readProgress(file: string): ProgressEvent[] {
  return parseProgress(readFileSync(file, 'utf8'))
}

export function parseProgress(text: string): ProgressEvent[] {
  return text.split('\n').flatMap(parse)
}

/** Follows a progress file that another process appends to. */
export class ProgressTail {
  readonly #file: string
  #position = 0
  #rest = ''

  constructor(file: string) {
    this.#file = file
  }

  /** The events since the last call; none while the file is not there. */
  next(): ProgressEvent[] {
    let descriptor: number
    try {
      descriptor = openSync(this.#file, 'r')
    } catch {
      return []
    }
    try {
      const buffer = Buffer.alloc(Math.max(0, fstatSync(descriptor).size - this.#position))
      const length = readSync(descriptor, buffer, 0, buffer.length, this.#position)
      this.#position += length
      const lines = (this.#rest + buffer.toString('latin1', 0, length)).split('\n')
      this.#rest = lines.pop() ?? ''
      // Decoded by whole lines: a read may end inside a character.
      return lines.flatMap((line) => parse(Buffer.from(line, 'latin1').toString('utf8')))
    } finally {
      closeSync(descriptor)
    }
  }
}

function parse(line: string): ProgressEvent[] {
  try {
    const parsed = progressEvent.safeParse(JSON.parse(line))
    return parsed.success ? [parsed.data] : []
  } catch {
    return []
  }
}
