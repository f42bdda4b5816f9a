/** How often the parent is looked at. Milliseconds. */
const parentPollMs = 500

/** npx does not forward SIGTERM: when it dies, its child is re-parented and nobody is told. */
export function watchParent(onGone: () => void): NodeJS.Timeout | undefined {
  const { npm_lifecycle_event: script, npm_command: command, SMOKE_CALLED_FROM: cli } = process.env
  const launched = script !== undefined || command !== undefined || cli !== undefined
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
