import { join } from 'node:path'
import type { RunRecord } from '../harness/record.ts'
import { junitXml } from './junit.ts'
import type { RunFile } from './run-file.ts'
import { writeWhole } from './write-file.ts'

/** The reports of a run, in its results folder. */
export const reportFiles = (results: string): { readonly record: string; readonly junit: string } =>
  ({ record: join(results, 'run.json'), junit: join(results, 'junit.xml') })

/**
 * Writes run.json and junit.xml, each at once and whole.
 * @throws Error when the results folder cannot be written to
 */
export function writeReports(record: RunRecord, { results, junitAttachments }: RunFile): void {
  const files = reportFiles(results)
  writeWhole(files.record, `${JSON.stringify(record, null, 2)}\n`)
  writeWhole(files.junit, junitXml(record, { results, attachments: junitAttachments }))
}
