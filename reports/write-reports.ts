import { lstatSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { RunRecord } from '../harness/record.ts'
import { junitXml } from './junit.ts'

/**
 * Writes run.json and junit.xml and points `latest` to them. Each stands for itself: what cannot be written costs only
 * itself, and a sentence in the answer.
 */
export function writeReports(record: RunRecord, results: string): string[] {
  return [
    attempt(join(results, 'run.json'), (file) => { writeWhole(file, `${JSON.stringify(record, null, 2)}\n`) }),
    attempt(join(results, 'junit.xml'), (file) => { writeWhole(file, junitXml(record, results)) }),
    attempt(join(dirname(results), 'latest'), (latest) => { pointTo(latest, basename(results)) }),
  ].flat()
}

function attempt(file: string, write: (file: string) => void): string[] {
  try {
    write(file)
    return []
  } catch (error) {
    return [`${file} could not be written: ${error instanceof Error ? error.message : String(error)}`]
  }
}

/** A reader sees the old file or the new one, never half of it. */
function writeWhole(file: string, text: string): void {
  const next = `${file}.new`
  try {
    writeFileSync(next, text)
    renameSync(next, file)
  } catch (error) {
    removeQuietly(next)
    throw error
  }
}

/** Where links are not to be had, `latest` is a file with the name. */
function pointTo(latest: string, name: string): void {
  refuseToReplace(latest)
  const next = `${latest}.${process.pid}`
  try {
    removeQuietly(next)
    try {
      symlinkSync(name, next)
    } catch {
      writeFileSync(next, `${name}\n`)
    }
    renameSync(next, latest)
  } catch (error) {
    removeQuietly(next)
    throw error
  }
}

/** A link goes, and a file with the name of a run; anything else is somebody's own. */
function refuseToReplace(latest: string): void {
  const stat = lstatSync(latest, { throwIfNoEntry: false })
  if (!stat || stat.isSymbolicLink() || (stat.isFile() && stat.size < 64 && /^[\w-]+\n?$/.test(readFileSync(latest, 'utf8')))) return
  throw new Error('it is no link of clone-smoke')
}

/** On a disk in trouble the removal may fail like the write; the write's error is the one to tell. */
function removeQuietly(file: string): void {
  try {
    rmSync(file, { force: true })
  } catch {
    // Told by the caller.
  }
}
