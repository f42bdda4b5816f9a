import { expect, test } from 'vitest'
import { describeCall, includes } from './match.ts'

test.each([
  [{ a: 1, b: 2 }, { a: 1 }, true],
  [{ a: { b: 1, c: 2 } }, { a: { c: 2 } }, true],
  [{ a: [1, 2] }, { a: [1, 2] }, true],
  [{ a: 1 }, { a: 1, b: undefined }, true],
  [{ a: [1, 2, 3] }, { a: [1, 2] }, false],
  [{ a: 1 }, { a: '1' }, false],
  [{ a: 1 }, { b: 1 }, false],
  [undefined, { a: 1 }, false],
  [null, {}, false],
  [['a'], {}, false],
])('%j includes %j: %s', (actual, expected, answer) => {
  expect(includes(actual, expected)).toBe(answer)
})

test('a long call is cut for titles', () => {
  expect(describeCall({ tool: 'grep', arguments: { pattern: 'x' } })).toBe('grep {"pattern":"x"}')
  expect(describeCall({ tool: 'grep', arguments: { pattern: 'x'.repeat(300) } })).toHaveLength(110)
})
