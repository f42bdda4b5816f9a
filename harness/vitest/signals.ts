import { constants } from 'node:os'
import type { Vitest } from 'vitest/node'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** npm and npx repeat a signal they were sent; a person needs longer than this to press Ctrl+C again. Milliseconds. */
const repeatMs = 1000
/** How long an orderly end may take after a signal. Milliseconds. */
const graceMs = 20_000
/** How often the parent is looked at. Milliseconds. */
const parentPollMs = 500

/**
 * Takes the signals from vitest, which would exit at once and leave everything behind. The first one cancels the run:
 * running lanes end, reports are written, teardown runs, exit code 128 + signal. A second one forces the exit; the
 * janitor then does the rest.
 */
export function takeSignals(vitest: Vitest, stopRunning: (signal: NodeJS.Signals) => Promise<void>): { release(): void } {
  let code = 0
  let firstAt = 0
  let deadline: NodeJS.Timeout | undefined
  let released = false
  const onSignal = (signal: NodeJS.Signals): void => {
    if (code !== 0) {
      if (performance.now() - firstAt > repeatMs) process.exit(code)
      return
    }
    firstAt = performance.now()
    code = 128 + constants.signals[signal]
    process.exitCode = code
    process.stderr.write(`\n${signal}: stopping the run and cleaning up; once more to leave that to the janitor\n`)
    if (!released) deadline = setTimeout(() => process.exit(code), graceMs)
    void vitest.cancelCurrentRun('keyboard-input')
    stopRunning(signal).catch((error: unknown) => {
      process.stderr.write(`clone-smoke: ${String(error)}\n`)
    })
  }
  const onExit = (): void => {
    if (code !== 0) process.exitCode = code
  }
  for (const signal of signals) {
    process.removeAllListeners(signal)
    process.on(signal, onSignal)
  }
  process.on('exit', onExit)
  const watch = watchParent(() => { onSignal('SIGTERM') })
  return {
    release: () => {
      clearInterval(watch)
      clearTimeout(deadline)
      released = true
    },
  }
}

/** npx does not forward SIGTERM: when it dies, its child is re-parented and nobody is told. */
function watchParent(onGone: () => void): NodeJS.Timeout | undefined {
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
