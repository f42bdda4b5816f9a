import { closeSync, lstatSync, openSync, readFileSync, readSync, readdirSync, renameSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import type { Redactor } from './redactor.ts'

/** How much of a file is looked at at once. Bytes. */
const pieceSize = 1024 * 1024

/**
 * Looks once more at every file of a folder: a secret may have become known after a line with it was written, and suites
 * copy logs of their own. A file without any is not touched; links are left alone.
 * @returns a sentence for each file that was removed, because it could not be looked at, or not be written without its secrets
 */
export function redactFiles(folder: string, redactor: Redactor): string[] {
  const problems: string[] = []
  return [...filesBelow(folder, problems).flatMap((file) => {
    try {
      if (!lstatSync(file).isFile() || !holdsSecrets(file, redactor)) return []
      rewrite(file, redactor)
      return []
    } catch (error) {
      const why = reasonOf(error)
      try {
        rmSync(file, { force: true })
        return [`${file} was removed, as it may hold secrets and could not be written without them: ${why}`]
      } catch (last) {
        return [`${file} may hold secrets: it could neither be written without them (${why}) nor removed (${reasonOf(last)}); remove it yourself`]
      }
    }
  }), ...problems]
}

const reasonOf = (error: unknown): string => error instanceof Error ? error.message : String(error)

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
    if (file.endsWith('.json')) {
      // What is written over several lines is one value.
      writeFileSync(next, redactor.line(readFileSync(file, 'utf8')), { mode: 0o600 })
    } else {
      const to = openSync(next, 'w', 0o600)
      try {
        const write = (piece: Buffer): void => { for (let written = 0; written < piece.length;) written += writeSync(to, piece, written) }
        for (const piece of /\.(?:jsonl|ndjson)$/.test(file) ? shownLines(file, redactor) : shownPieces(file, redactor)) write(piece)
      } finally {
        closeSync(to)
      }
    }
    renameSync(next, file)
  } catch (error) {
    // Where it could not be made it is somebody else's: a folder, for one.
    if (lstatSync(next, { throwIfNoEntry: false })?.isFile() === true) rmSync(next, { force: true })
    throw error
  }
}

function* shownPieces(file: string, redactor: Redactor): Generator<Buffer> {
  const stream = redactor.bytes()
  for (const piece of pieces(file)) yield stream.push(piece)
  yield stream.end()
}

/** Line by line, so that each stays JSON; never more of the file at once than a piece and a line. */
function* shownLines(file: string, redactor: Redactor): Generator<Buffer> {
  const decoder = new StringDecoder('utf8')
  const redact = redactor.lines()
  let rest = ''
  for (const piece of pieces(file)) {
    const lines = (rest + decoder.write(piece)).split('\n')
    rest = lines.pop() ?? ''
    if (lines.length > 0) yield Buffer.from(`${lines.map(redact).join('\n')}\n`)
  }
  rest += decoder.end()
  if (rest !== '') yield Buffer.from(redact(rest))
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

/** A folder that cannot be read costs a sentence, and nothing of the others. */
function filesBelow(folder: string, problems: string[]): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? filesBelow(path, problems) : entry.isFile() ? [path] : []
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') problems.push(`${folder} may hold secrets: it could not be looked at: ${reasonOf(error)}`)
    return []
  }
}
