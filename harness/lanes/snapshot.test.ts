import { expect, test } from 'vitest'
import { takeSnapshot } from './snapshot.ts'

test('names come sorted, long ones cut, and of very many the first with how many more', async () => {
  const many = Array.from({ length: 2005 }, (_, index) => `n${String(index).padStart(4, '0')}`)
  const lists = await takeSnapshot(() => Promise.resolve({ tools: ['b', 'a', 'x'.repeat(1000)], many }))
  expect(lists.tools).toEqual(['a', 'b', 'x'.repeat(300)])
  expect(lists.many).toHaveLength(2001)
  expect(lists.many?.slice(-2)).toEqual(['n1999', '... and 5 more'])
})

test('a stack that does not answer is left after the bound, and told to stop', async () => {
  let told: AbortSignal | undefined
  const look = (signal: AbortSignal): Promise<never> => {
    told = signal
    return new Promise(() => undefined)
  }
  await expect(takeSnapshot(look, 50)).rejects.toThrow('it took longer than 0.05 s')
  expect(told?.aborted).toBe(true)
})

test('what the look throws comes through', async () => {
  await expect(takeSnapshot(() => Promise.reject(new Error('refused')))).rejects.toThrow('refused')
})

test('a name that is cut holds no part of a secret', async () => {
  const { tools } = await takeSnapshot(() => Promise.resolve({ tools: [`${'x'.repeat(290)} ghp_${'a1'.repeat(18)}`] }))
  expect(tools).toEqual([`${'x'.repeat(290)} [redacted`])
})
