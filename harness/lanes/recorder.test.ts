import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { ProgressEvent } from '../record.ts'
import { Redactor } from '../redaction/redactor.ts'
import { Recorder } from './recorder.ts'

let directory: string
beforeEach(() => { directory = mkdtempSync(join(tmpdir(), 'recorder-')) })
afterEach(() => { rmSync(directory, { recursive: true, force: true }) })

test('a very long note is cut, and says so', () => {
  const file = join(directory, 'progress.ndjson')
  new Recorder(file, new Redactor()).add({ type: 'note', text: 'x y '.repeat(2500) })
  const note = JSON.parse(readFileSync(file, 'utf8')) as Extract<ProgressEvent, { type: 'note' }>
  expect(note.text).toBe(`${'x y '.repeat(2000)}... 2000 more characters`)
})
