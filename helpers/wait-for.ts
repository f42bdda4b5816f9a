import { setTimeout as delay } from 'node:timers/promises'

/**
 * Polls until `look` returns something other than undefined.
 * @param deadlineMs how long to look, in milliseconds
 * @param otherwise the error when the deadline passes; say what was awaited and what was there instead
 */
export async function waitFor<T>(
  look: () => Promise<T | undefined> | T | undefined,
  { deadlineMs, everyMs = 50, signal, otherwise }: { deadlineMs: number; everyMs?: number; signal?: AbortSignal; otherwise: () => Error },
): Promise<T> {
  const deadline = performance.now() + deadlineMs
  for (;;) {
    signal?.throwIfAborted()
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() >= deadline) throw otherwise()
    await delay(everyMs, undefined, signal && { signal })
  }
}
