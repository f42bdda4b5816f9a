/** How often the parent is looked at. Milliseconds. */
const parentPollMs = 500

/** npx does not forward SIGTERM: when it dies, its child is re-parented and nobody is told. */
export function watchParent(onGone: () => void): NodeJS.Timeout | undefined {
  const launched = process.env.npm_lifecycle_event !== undefined || process.env.npm_command !== undefined
  if (!launched) return undefined
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onGone()
  }, parentPollMs)
  timer.unref()
  return timer
}
