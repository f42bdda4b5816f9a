import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../testing/child-run.ts'

const toy = fileURLToPath(new URL('../testing/toy', import.meta.url))

let run: ChildRun | undefined
afterEach(() => run?.dispose())

/** What happened, in order: `walk`, `walk ended`, `walk/a step`, `walk/a step passed`. */
function told(of: ChildRun): string[] {
  return of.progress().flatMap((event) => {
    if (event.type !== 'lane-started' && event.type !== 'lane-ended' && event.type !== 'step-started' && event.type !== 'step-ended') return []
    return [`${event.lane}${'step' in event ? `/${event.step}` : ''}${'status' in event ? ` ${event.status}` : ''}`]
  })
}

test('a lane beside others runs while they do, is told at its place, is waited for before the state changes, and fails alone', async () => {
  run = startChildRun(['run', 'smoke'], { SMOKE_SUITE: 'beside', TOY_SEES: 'nothing' }, toy)
  expect(await run.ended(), run.output()).toBe(1)
  const order = told(run)
  const before = (first: string, second: string): void => { expect(order.filter((one) => one === first || one === second), order.join(', ')).toEqual([first, second]) }
  before('wait/is there', 'walk passed')
  before('paint passed', 'wait')
  before('wait/sees red failed', 'paint/paint')
  before('wait failed', 'look')
  const record = run.record()
  expect(record.lanes.map(({ name, status }) => `${name} ${status}`)).toEqual(['prepare passed', 'walk passed', 'paint passed', 'wait failed', 'look passed'])
  const [, walk, paint, wait] = record.lanes
  expect(wait?.verdict?.diagnosis).toContain('it sees nothing')
  expect(Date.parse(wait?.startedAt ?? '')).toBeLessThan(Date.parse(paint?.startedAt ?? ''))
  expect(Date.parse(wait?.startedAt ?? '')).toBeLessThan(Date.parse(walk?.startedAt ?? '') + (walk?.durationMs ?? 0))
  const lines = run.output()
  expect(lines.indexOf('lane 4/5 wait')).toBeGreaterThan(lines.indexOf('✓ paint'))
  expect(lines.indexOf('✓ is there')).toBeGreaterThan(lines.indexOf('lane 4/5 wait'))
})

test.each(['wait', 'walk'])('lane %s alone works, and no other runs beside it', async (lane) => {
  run = startChildRun(['run', `${lane}.smoke`], { SMOKE_SUITE: 'beside', TOY_ALONE: '1' }, toy)
  expect(await run.ended(), run.output()).toBe(0)
  expect(run.record().lanes.map(({ name, status }) => `${name} ${status}`)).toEqual(['prepare passed', `${lane} passed`])
})
