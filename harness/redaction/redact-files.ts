import { closeSync, lstatSync, openSync, readFileSync, readSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import type { Redactor } from './redactor.ts'

/** How much of a file is looked at at once. Bytes. */
const pieceSize = 1024 * 1024

/**
 * Looks once more at every file of a folder: a secret may have become known after a line with it was written, and suites
 * copy logs of their own. A file without any is not touched; links are left alone.
 * @returns a sentence for each file that was removed, because it could not be looked at, or not be written without its secrets
 */
export function redactFiles(folder: string, redactor: Redactor): string[] {
  return filesBelow(folder).flatMap((file) => {
    try {
      if (!lstatSync(file).isFile() || !holdsSecrets(file, redactor)) return []
      rewrite(file, redactor)
      return []
    } catch (error) {
      rmSync(file, { force: true })
      return [`${file} was removed, as it may hold secrets and could not be written without them: ${error instanceof Error ? error.message : String(error)}`]
    }
  })
}

function holdsSecrets(file: string, redactor: Redactor): boolean {
  const stream = redactor.bytes()
  for (const piece of pieces(file)) {
    stream.push(piece)
    if (stream.found) return true
  }
  stream.end()
  return stream.found
}

function rewrite(file: string, redactor: Redactor): void {
  const next = `${file}.new`
  try {
    if (/\.(?:json|jsonl|ndjson)$/.test(file)) {
      // What is written over several lines is one value.
      const text = readFileSync(file, 'utf8')
      const shown = file.endsWith('.json') ? redactor.line(text) : text.split('\n').map(redactor.lines()).join('\n')
      writeFileSync(next, shown, { mode: 0o600 })
    } else {
      const to = openSync(next, 'w', 0o600)
      try {
        const stream = redactor.bytes()
        for (const piece of pieces(file)) writeSync(to, stream.push(piece))
        writeSync(to, stream.end())
      } finally {
        closeSync(to)
      }
    }
    renameSync(next, file)
  } catch (error) {
    rmSync(next, { force: true })
    throw error
  }
}

function* pieces(file: string): Generator<Buffer> {
  const descriptor = openSync(file, 'r')
  try {
    const buffer = Buffer.alloc(pieceSize)
    for (let read = readSync(descriptor, buffer); read > 0; read = readSync(descriptor, buffer)) yield buffer.subarray(0, read)
  } finally {
    closeSync(descriptor)
  }
}

function filesBelow(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true, recursive: true }).filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  } catch {
    return []
  }
}
