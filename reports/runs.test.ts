import { existsSync, lstatSync, mkdirSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { waitFor } from '../helpers/wait-for.ts'
import { startChildRun, type ChildRun } from '../harness/testing/child-run.ts'

const toy = fileURLToPath(new URL('../harness/testing/toy', import.meta.url))

let run: ChildRun | undefined
afterEach(async () => {
  await run?.dispose()
  run = undefined
})

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildRun {
  run = startChildRun(args, env, toy)
  return run
}

test('piped output has no colours of ours, no rewritten line, and one line a step', async () => {
  const child = start(['run', 'smoke'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.output()).not.toMatch(/[\r\u001B]/)
  expect(child.output().match(/^ {2}✓ greet .* s \/ 5 s$/gm)).toHaveLength(1)
  expect(child.output()).toMatch(/passed in .*nothing left behind/)
})

test('latest leads to the newest run', async () => {
  const child = start(['run', 'start'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(lstatSync(join(child.results, 'latest')).isSymbolicLink()).toBe(true)
  expect(readlinkSync(join(child.results, 'latest'))).toBe(child.record().run)
})

test('dependants of a failed lane are skipped in junit.xml, with the reason', async () => {
  const child = start(['run', 'smoke'], { TOY_FAULT: 'exit' })
  expect(await child.ended()).toBe(1)
  expect(child.record().lanes.map(({ status }) => status)).toEqual(['failed', 'skipped', 'skipped', 'skipped'])
  expect(child.junit()).toMatch(/<skipped message="lane &quot;start&quot; failed: bootstrap-step/)
  expect(child.record().lanes[0]?.reproduce).toBe('SMOKE_KEEP=failed npx vitest run start.smoke')
})

test('after --bail no test that never ran is told as passed', async () => {
  const child = start(['run', 'smoke', '--bail', '1'], { TOY_FAULT: 'exit' })
  expect(await child.ended()).toBe(1)
  const { lanes } = child.record()
  expect(lanes[0]?.status).toBe('failed')
  for (const lane of lanes.slice(1)) expect(lane.tests.filter(({ status }) => status === 'passed'), lane.name).toEqual([])
  expect(child.junit().match(/<testsuite name="toy\.(look|grow|shrink)"[^>]* skipped="[1-9]/g)).toHaveLength(3)
})

test('the reports are written whatever reporter the user chose', async () => {
  const child = start(['run', 'shrink.smoke', '--reporter=verbose'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.record().lanes.map(({ name, purpose }) => `${name} ${purpose}`)).toEqual(['start set-up', 'grow set-up', 'shrink selected'])
  expect(child.junit()).toContain('<testsuite name="toy.start (set-up)"')
})

test('a run that is stopped still writes its reports, and the lane says that it was interrupted', async () => {
  const child = start(['run', 'smoke'], { TOY_FAULT: 'wait' })
  await waitFor(() => child.progress().some((event) => event.type === 'step-started' && event.step === 'greet') ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(`never began to wait:\n${child.output()}`),
  })
  child.process.kill('SIGINT')
  expect(await child.ended(), child.output()).toBe(130)
  expect(child.record()).toMatchObject({ outcome: 'interrupted', lanes: [{ status: 'failed', verdict: { class: 'interrupted' } }, {}, {}, {}], teardown: { leftovers: [] } })
})

test('a report that cannot be written costs one line, not the outcome', async () => {
  const child = start(['run', 'start'], { SMOKE_KEEP: 'never' })
  // A folder where `latest` should go cannot be renamed over.
  mkdirSync(join(child.results, 'latest', 'taken'), { recursive: true })
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.output()).toMatch(/^clone-smoke: .*could not be .*$/m)
})

test('a run without lanes is as vitest shows it, and makes no results', async () => {
  const root = fileURLToPath(new URL('..', import.meta.url))
  run = startChildRun(['run', '--project', 'self', 'reports/xml-text'], {}, root)
  expect(await run.ended(), run.output()).toBe(0)
  expect(run.output()).toMatch(/Test Files\s+1 passed/)
  expect(run.output()).not.toMatch(/lane|sandbox/)
  expect(existsSync(run.results)).toBe(false)
})
