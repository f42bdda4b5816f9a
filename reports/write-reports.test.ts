import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RunRecord } from '../harness/record.ts'
import { writeReports } from './write-reports.ts'

let base = ''
beforeEach(() => { base = mkdtempSync(join(tmpdir(), 'write-')) })
afterEach(() => { rmSync(base, { recursive: true, force: true }) })

const places = { workspace: '/w', goOn: 'go on' }
const record: RunRecord = { schema: 1, run: 'r', suite: 's', outcome: 'passed', startedAt: '', durationMs: 1, facts: {}, notes: [], lanes: [], errors: [], teardown: null }

test('all reports and the link are written, and written again over the old ones', () => {
  const results = join(base, 'r')
  mkdirSync(results)
  expect(writeReports(record, results, places)).toEqual([])
  expect(writeReports({ ...record, outcome: 'failed' }, results, places)).toEqual([])
  expect(JSON.parse(readFileSync(join(results, 'run.json'), 'utf8'))).toMatchObject({ outcome: 'failed' })
  expect(readdirSync(results).toSorted()).toEqual(['ctrf.json', 'junit.xml', 'report.html', 'run.json', 'summary.md'])
  expect(readFileSync(join(results, 'report.html'), 'utf8')).toMatch(/<title>failed: s, run r</)
  expect(readlinkSync(join(base, 'latest'))).toBe('r')
})

test('what cannot be written is named, and the rest is written', () => {
  const results = join(base, 'r')
  mkdirSync(join(results, 'run.json', 'taken'), { recursive: true })
  const problems = writeReports(record, results, places)
  expect(problems).toEqual([expect.stringMatching(/run\.json could not be written: E/)])
  expect(readdirSync(results).toSorted()).toEqual(['ctrf.json', 'junit.xml', 'report.html', 'run.json', 'summary.md'])
  expect(lstatSync(join(base, 'latest')).isSymbolicLink()).toBe(true)
})

test('a results folder that cannot be is one sentence, one that is gone is made again', () => {
  writeFileSync(join(base, 'file'), '')
  expect(writeReports(record, join(base, 'file', 'r'), places)).toEqual([expect.stringMatching(/^no report could be written to .*\/file\/r: E/)])
  expect(readdirSync(base)).toEqual(['file'])
  expect(writeReports(record, join(base, 'gone', 'r'), places)).toEqual([])
})

test('a file called latest that is not ours is left alone, and said so', () => {
  const parent = mkdtempSync(join(tmpdir(), 'latest-'))
  try {
    const results = join(parent, 'run')
    mkdirSync(results)
    writeFileSync(join(parent, 'latest'), 'a text of my own, of more than one word\n')
    expect(writeReports(record, results, places).join()).toMatch(/latest could not be written: it is no link of clone-smoke/)
    expect(readFileSync(join(parent, 'latest'), 'utf8')).toMatch(/of my own/)
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
})
