import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../../../harness/testing/child-run.ts'
import { faults } from './catalogue.ts'
import { faultKit } from './fault.ts'

let directory: string
let run: ChildRun | undefined
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'fault-')))
})
afterEach(async () => {
  await run?.dispose()
  run = undefined
  rmSync(directory, { recursive: true, force: true })
})

test.each(faults)('$id: lane $lane turns red as $verdict', { timeout: 180_000 }, async ({ filters, lane, verdict, words, inject }) => {
  run = startChildRun(['run', ...filters], await inject(faultKit(directory)))
  expect(await run.ended(170_000), run.output()).toBe(1)
  const record = run.record()
  const red = record.lanes.filter(({ status }) => status === 'failed')
  expect(red.map(({ name }) => name), run.output()).toEqual([lane])
  expect(red[0]?.verdict?.class, red[0]?.verdict?.diagnosis).toBe(verdict)
  for (const word of words) expect(red[0]?.verdict?.diagnosis).toMatch(word)
  expect(record.teardown).toMatchObject({ leftovers: [] })
  expect(run.leftovers()).toEqual([])
})
