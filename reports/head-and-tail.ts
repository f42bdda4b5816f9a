import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'

/**
 * A file, or its head and tail with a line that says how much is missing between them. For what is no plain file, or
 * cannot be read, a sentence in brackets.
 * @param limit bytes to keep
 */
export function headAndTail(file: string, limit: number, note = 'left out, see the attachment'): string {
  let descriptor: number
  try {
    // A link may lead out of the results, and a pipe would never open.
    descriptor = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return `(cannot be read: ${error instanceof Error ? error.message : String(error)})`
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) return '(cannot be read: not a file)'
    if (stat.size <= limit) return read(descriptor, 0, stat.size)
    const half = Math.floor(limit / 2)
    return `${read(descriptor, 0, half)}\n... ${stat.size - 2 * half} bytes ${note} ...\n${read(descriptor, stat.size - half, half)}`
  } catch (error) {
    return `(cannot be read: ${error instanceof Error ? error.message : String(error)})`
  } finally {
    closeSync(descriptor)
  }
}

function read(descriptor: number, position: number, length: number): string {
  const buffer = Buffer.alloc(length)
  return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position)).toString('utf8')
}

/** The same for text that is already here. Characters. */
export function cutText(text: string, limit: number): string {
  if (text.length <= limit) return text
  const half = Math.floor(limit / 2)
  return `${text.slice(0, half)}\n... ${text.length - 2 * half} characters left out ...\n${text.slice(-half)}`
}
