import { AsyncLocalStorage } from 'node:async_hooks'
import { setTimeout as delay } from 'node:timers/promises'

/** How often a daemon whose rounds are counted may come round before a wait is given up. */
const enoughRounds = 3
const counted = new AsyncLocalStorage<() => number>()

/** Within `work` whatever `comes` waits for is given up when the observer has come round often enough, too. For tests: AO tells nobody how often it has. */
export function countingRounds<T>(count: () => number, work: () => Promise<T>): Promise<T> {
  return counted.run(count, work)
}

/**
 * Looks until something is as it should be.
 * @param deadlineMs milliseconds
 * @returns whether it came
 */
export async function comes(look: () => Promise<boolean> | boolean, deadlineMs: number): Promise<boolean> {
  const deadline = performance.now() + deadlineMs
  const rounds = counted.getStore()
  const last = rounds && rounds() + enoughRounds
  for (;;) {
    if (await look()) return true
    if (performance.now() >= deadline || (rounds && last !== undefined && rounds() >= last)) return false
    await delay(150)
  }
}
