import { accessSync, constants, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { RunRecord } from '../harness/record.ts'
import { shellWord } from '../harness/shell-word.ts'
import { ctrfReport } from './ctrf.ts'
import { findingsMarkdown } from './findings-markdown.ts'
import { findingsOf } from './findings.ts'
import { reportPage } from './html/page.ts'
import { junitXml, type JunitOptions } from './junit.ts'
import { summaryMarkdown, type SummaryPlaces } from './summary.ts'

/**
 * Writes run.json, report.html, junit.xml, ctrf.json and summary.md and points `latest` to them. Each stands for itself:
 * what cannot be written costs only itself, and a sentence in the answer. A folder that takes nothing is one sentence.
 */
export function writeReports(record: RunRecord, results: string, options: JunitOptions & Omit<SummaryPlaces, 'results'>): string[] {
  try {
    mkdirSync(results, { recursive: true })
    accessSync(results, constants.W_OK)
  } catch (error) {
    return [`no report could be written to ${results}: ${error instanceof Error ? error.message : String(error)}`]
  }
  const findings = findingsOf(record)
  return together([
    ...(findings === undefined ? [] : [
      attempt(join(results, 'findings.json'), (file) => { writeWhole(file, `${JSON.stringify(findings, null, 2)}\n`) }),
      attempt(join(results, 'findings.md'), (file) => { writeWhole(file, findingsMarkdown(findings)) }),
    ]),
    attempt(join(results, 'run.json'), (file) => { writeWhole(file, `${JSON.stringify(record, null, 2)}\n`) }),
    attempt(join(results, 'report.html'), (file) => {
      const { workspace, goOn } = options
      writeWhole(file, reportPage(record, results, { kept: { workspace, goOn, giveUp: `npx clone-smoke cleanup ${shellWord(workspace)}` } }))
    }),
    attempt(join(results, 'junit.xml'), (file) => { writeWhole(file, junitXml(record, results, options)) }),
    attempt(join(results, 'ctrf.json'), (file) => { writeWhole(file, `${JSON.stringify(ctrfReport(record, results), null, 2)}\n`) }),
    attempt(join(results, 'summary.md'), (file) => { writeWhole(file, summaryMarkdown(record, { ...options, results })) }),
    attempt(join(dirname(results), 'latest'), (latest) => { pointTo(latest, basename(results)) }),
  ].flat())
}

interface Problem {
  readonly file: string
  readonly why: string
}

function attempt(file: string, write: (file: string) => void): Problem[] {
  try {
    write(file)
    return []
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // Of a full disk the code is the reason, whatever the file was called while it was written.
    return [{ file, why: code === 'ENOSPC' || code === 'EDQUOT' ? `${code}: no space is left` : error instanceof Error ? error.message : String(error) }]
  }
}

/** What has one reason is one sentence. */
function together(problems: readonly Problem[]): string[] {
  return [...new Set(problems.map(({ why }) => why))].map((why) =>
    `${problems.filter((problem) => problem.why === why).map(({ file }) => file).join(', ')} could not be written: ${why}`)
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
