import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../testing/child-run.ts'

const toy = fileURLToPath(new URL('../testing/toy', import.meta.url))

let run: ChildRun | undefined
afterEach(() => run?.dispose())

test.each([
  { what: 'a finding that nobody expects', env: { TOY_FINDS: 'blue' }, exit: 1, words: 'not-green: promised: it is green; happened: it is blue', worked: false },
  { what: 'a finding that is expected', env: { TOY_FINDS: 'blue', TOY_EXPECTS: 'not-green' }, exit: 0, words: undefined, worked: false },
  { what: 'an expected finding that does not come', env: { TOY_EXPECTS: 'not-green' }, exit: 1, words: 'expected and not found: not-green', worked: true, stale: 'not-green' },
  { what: 'one that comes sometimes', env: { TOY_EXPECTS: 'not-green', TOY_SOMETIMES: '1' }, exit: 0, words: undefined, worked: true },
  { what: 'another than the expected one', env: { TOY_FINDS: 'blue', TOY_EXPECTS: 'round' }, exit: 1, words: 'not-green: promised', worked: false, stale: 'round' },
  { what: 'an error', env: { TOY_FINDS: 'error' }, exit: 1, words: 'no colour at all', worked: true },
])('$what: the run ends with $exit, and the checks and lanes after it run', async ({ env, exit, words, worked, stale }: { env: Record<string, string>; exit: number; words: string | undefined; worked: boolean; stale?: string }) => {
  run = startChildRun(['run', 'smoke'], { SMOKE_SUITE: 'checks', ...env }, toy)
  expect(await run.ended(), run.output()).toBe(exit)
  const events = run.progress()
  const steps = events.flatMap((event) => event.type === 'step-ended' ? [event] : [])
  expect(steps.map(({ status }) => status)).toEqual([words === undefined ? 'passed' : 'failed', 'passed'])
  if (words !== undefined) expect(steps[0]?.verdict?.diagnosis).toContain(words)
  expect(events.flatMap((event) => event.type === 'lane-ended' ? [`${event.lane} ${event.status}`] : [])).toEqual([`examine ${exit === 0 ? 'passed' : 'failed'}`, 'use passed'])
  expect(run.record().staleFindings?.map(({ lane, step, id }) => `${lane}/${step}: ${id}`)).toEqual(stale && [`examine/${steps[0]?.step ?? ''}: ${stale}`])
  const folder = join(run.results, events.find((event) => event.type === 'run-started')?.run ?? '')
  const told = readFileSync(join(folder, 'findings.md'), 'utf8')
  expect(told.includes('it is blue')).toBe(!worked)
  expect(existsSync(join(folder, 'findings.json'))).toBe(true)
})
