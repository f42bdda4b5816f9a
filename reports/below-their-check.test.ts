import { expect, test } from 'vitest'
import type { ProgressEvent } from '../harness/record.ts'
import { belowTheirCheck } from './below-their-check.ts'

const at = '2026-11-21T20:00:00.000Z'
const found = (lane: string, step: string, id: string): ProgressEvent => ({ type: 'finding', at, lane, step, id, section: '1', promised: '', happened: '', severity: 'low', reproduce: '', expected: true })
const stale = (lane: string, step: string, id: string): ProgressEvent => ({ type: 'stale-finding', at, lane, step, id })
const ended = (lane: string, step: string): ProgressEvent => ({ type: 'step-ended', at, lane, step, status: 'passed', durationMs: 1, budgetMs: 1, logs: [] })
const over = (lane: string): ProgressEvent => ({ type: 'lane-ended', at, lane, status: 'failed', durationMs: 1 })
const note: ProgressEvent = { type: 'note', at, text: 'odd' }

test.each([
  { what: 'what a check found comes after its end', events: [found('a', '1', 'x'), note, stale('a', '1', 'y'), ended('a', '1'), ended('a', '2')], expected: ['note', '1', 'x', 'y', '2'] },
  { what: 'another check, or another lane, does not let it through', events: [found('a', '1', 'x'), ended('a', '2'), ended('b', '1'), over('b'), ended('a', '1')], expected: ['2', '1', 'over', '1', 'x'] },
  { what: 'what a check found that never ended comes before the end of its lane', events: [found('a', '1', 'x'), over('a'), over('a')], expected: ['x', 'over', 'over'] },
])('$what', ({ events, expected }) => {
  const next = belowTheirCheck()
  const names = events.flatMap((event) => next(event)).map((event) => event.type === 'lane-ended' ? 'over' : 'id' in event ? event.id : 'step' in event ? event.step : event.type)
  expect(names).toEqual(expected)
})
