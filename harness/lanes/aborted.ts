/** Resolves when the signal aborts, or when nobody waits any more; then nothing of it stays on the signal, which may live long. */
export function aborted(signal: AbortSignal, done: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const over = (): void => {
      for (const one of [signal, done]) one.removeEventListener('abort', over)
      resolve()
    }
    for (const one of [signal, done]) one.addEventListener('abort', over)
    if (signal.aborted || done.aborted) over()
  })
}
