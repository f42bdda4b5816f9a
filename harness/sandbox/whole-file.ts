import { randomBytes } from 'node:crypto'
import { closeSync, constants, fstatSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'

/** Writes a file so that a reader sees the old text or the new, never a part. Mode 0600. */
export function writeWhole(file: string, text: string): void {
  const temporary = besides(file)
  try {
    writeFileSync(temporary, text, { flag: 'wx', mode: 0o600 })
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
}

/**
 * Makes a file that appears with its content or not at all, mode 0600. What a process that is killed meanwhile leaves
 * beside it, `isHalfMade` knows. Returns false when the file is there already.
 */
export function createWhole(file: string, text: string, mode = 0o600): boolean {
  const temporary = besides(file)
  try {
    writeFileSync(temporary, text, { flag: 'wx', mode })
    linkSync(temporary, file)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(temporary, { force: true })
  }
}

const besides = (file: string): string => `${file}.${process.pid}-${randomBytes(4).toString('hex')}.new`

/** True for what a process was about to make into a file of this name. */
export const isHalfMade = (name: string, of: RegExp, pid: number): boolean => {
  const [, whole = '', by] = /^(.*)\.(\d+)-[0-9a-f]{8}\.new$/.exec(name) ?? []
  return Number(by) === pid && of.test(whole)
}

/** More than any of our own files has; a larger one was not written by us. Bytes. */
const largest = 16 * 1024 * 1024

/**
 * The text of a regular file: a link is not followed, a pipe not waited for.
 * @returns undefined when there is none
 * @throws Error when there is something else, or it cannot be read
 */
export function readPlain(file: string): string | undefined {
  let fd: number
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (code === 'ELOOP') throw new Error(`${file} is a link`, { cause: error })
    throw error
  }
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new Error(`${file} is no regular file`)
    if (stat.size > largest) throw new Error(`${file} has ${stat.size} bytes`)
    return readFileSync(fd, 'utf8')
  } finally {
    closeSync(fd)
  }
}
