import { expect, test } from 'vitest'
import type { ProgressEvent } from '../harness/record.ts'
import { inTurn } from './in-turn.ts'

const at = '2026-11-21T20:00:00.000Z'
const started = (lane: string): ProgressEvent => ({ type: 'lane-started', at, lane, purpose: 'selected', index: 1, of: 2 })
const step = (lane: string, name: string): ProgressEvent => ({ type: 'step-started', at, lane, step: name, kind: 'check', budgetMs: 1000 })
const ended = (lane: string): ProgressEvent => ({ type: 'lane-ended', at, lane, status: 'skipped', durationMs: 0 })
const note: ProgressEvent = { type: 'note', at, text: 'odd' }
const shown = (events: readonly ProgressEvent[]): string[] => events.map((event) => `${event.type} ${'lane' in event ? event.lane : ''}${'step' in event ? ` ${event.step}` : ''}`.trim())

test.each([
  { what: 'lanes one after another stay as they are', events: [started('a'), step('a', '1'), ended('a'), started('b'), step('b', '2')], expected: ['lane-started a', 'step-started a 1', 'lane-ended a', 'lane-started b', 'step-started b 2'] },
  { what: 'what a lane does before its turn comes with its turn, in order', events: [started('a'), step('b', '1'), step('a', '2'), step('b', '3'), ended('a'), started('b'), step('b', '4')], expected: ['lane-started a', 'step-started a 2', 'lane-ended a', 'lane-started b', 'step-started b 1', 'step-started b 3', 'step-started b 4'] },
  { what: 'what belongs to no lane is shown at once', events: [step('b', '1'), note, started('b')], expected: ['note', 'lane-started b', 'step-started b 1'] },
  { what: 'a lane that was skipped is told', events: [ended('b')], expected: ['lane-ended b'] },
])('$what', ({ events, expected }) => {
  const next = inTurn()
  expect(shown(events.flatMap((event) => next(event)))).toEqual(expected)
})
