import { expect, test } from 'vitest'
import { waitFor } from './wait-for.ts'

const never = (): Error => new Error('it never came')

test('returns the first thing that is found, false and 0 among them', async () => {
  const answers = [undefined, undefined, 0]
  expect(await waitFor(() => answers.shift(), { deadlineMs: 5000, everyMs: 1, otherwise: never })).toBe(0)
  expect(await waitFor(() => false, { deadlineMs: 0, otherwise: never })).toBe(false)
})

test('looks once more at the deadline and then throws what it was told to', async () => {
  let looks = 0
  await expect(waitFor(() => { looks += 1; return undefined }, { deadlineMs: 20, everyMs: 5, otherwise: never })).rejects.toThrow('it never came')
  expect(looks).toBeGreaterThan(1)
})

test('an error while looking ends the wait, and so does an abort', async () => {
  await expect(waitFor(() => { throw new Error('broken') }, { deadlineMs: 5000, otherwise: never })).rejects.toThrow('broken')
  const abort = new AbortController()
  const waiting = waitFor(() => undefined, { deadlineMs: 60_000, signal: abort.signal, otherwise: never })
  abort.abort(new Error('stopped'))
  await expect(waiting).rejects.toThrow(/stopped|aborted/)
})
