import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { ProgressTail, readProgress } from './progress-file.ts'

let folder = ''
let file = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'progress-'))
  file = join(folder, 'progress.ndjson')
})
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

const fact = (value: string): string => JSON.stringify({ at: '2026-11-21T08:00:00.000Z', type: 'fact', name: 'n', value })
const values = (events: readonly object[]): unknown[] => events.map((event) => 'value' in event ? event.value : event)

test('a file that is not there yet has no events, and is read once it is', () => {
  const tail = new ProgressTail(file)
  expect(tail.next()).toEqual([])
  writeFileSync(file, `${fact('one')}\n`)
  expect(values(tail.next())).toEqual(['one'])
  expect(tail.next()).toEqual([])
})

test('a line counts when its end is written, wherever it was cut, even inside a character', () => {
  const bytes = Buffer.from(`${fact('größer 😀')}\n${fact('two')}\n`)
  for (let at = 1; at < bytes.length; at += 1) {
    writeFileSync(file, bytes.subarray(0, at))
    const tail = new ProgressTail(file)
    const first = tail.next()
    appendFileSync(file, bytes.subarray(at))
    expect(values([...first, ...tail.next()]), `cut at byte ${at}`).toEqual(['größer 😀', 'two'])
  }
})

test('lines that are no events are left out, the others are kept', () => {
  writeFileSync(file, `${fact('one')}\nnot json\n{"type":"of-a-later-version"}\n\n${fact('two')}\n{"at":"cut by a cra`)
  expect(values(readProgress(file))).toEqual(['one', 'two'])
  expect(values(new ProgressTail(file).next())).toEqual(['one', 'two'])
})
