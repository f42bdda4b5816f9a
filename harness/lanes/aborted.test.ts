import { getEventListeners } from 'node:events'
import { expect, test } from 'vitest'
import { aborted } from './aborted.ts'

test.each(['signal', 'done'] as const)('it resolves when %s aborts, and leaves nothing behind', async (which) => {
  const [signal, done] = [new AbortController(), new AbortController()]
  const waiting = aborted(signal.signal, done.signal)
  expect(await Promise.race([waiting, Promise.resolve('waits')])).toBe('waits')
  expect(getEventListeners(signal.signal, 'abort')).toHaveLength(1)
  const aborts = { signal, done }[which]
  aborts.abort()
  await waiting
  expect([signal, done].map((one) => getEventListeners(one.signal, 'abort').length)).toEqual([0, 0])
})

test.each(['signal', 'done'] as const)('it resolves at once when %s has aborted before', async (which) => {
  const [signal, done] = [new AbortController(), new AbortController()]
  const aborts = { signal, done }[which]
  aborts.abort()
  await aborted(signal.signal, done.signal)
  expect([signal, done].map((one) => getEventListeners(one.signal, 'abort').length)).toEqual([0, 0])
})
