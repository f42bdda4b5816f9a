import { constants } from 'node:os'
import type { Vitest } from 'vitest/node'
import { watchParent } from '../processes/watch-parent.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** npm and npx repeat a signal they were sent; a person needs longer than this to press Ctrl+C again. Milliseconds. */
const repeatMs = 1000
/** How long an orderly end may take after a signal. Milliseconds. */
const graceMs = 20_000
/** How long vitest may take to end after everything is undone. Milliseconds. */
const vitestMs = 5000

/** What a signal means changes in the course of a run. */
export interface SignalWatch {
  /** From now on things are made: a signal is held until `running`, for an exit would leave half of them. A second one exits. */
  making(): void
  /**
   * From now on the first signal cancels the run: running lanes end, reports are written, teardown runs, exit code
   * 128 + signal. A second one forces the exit; the janitor then does the rest.
   */
  running(vitest: Vitest, stopRunning: (signal: NodeJS.Signals) => Promise<void>): void
  /** The run is over: nothing is left to wait for. */
  release(): void
}

/** Takes the signals from vitest, which would exit at once and leave everything behind. Nothing is made yet: the first one exits. */
export function watchSignals(): SignalWatch {
  let held: NodeJS.Signals | undefined
  let deadline: NodeJS.Timeout | undefined
  let watch: NodeJS.Timeout | undefined
  let released = false
  let exitCode = 0
  let handle = (signal: NodeJS.Signals): void => { process.exit(128 + constants.signals[signal]) }
  // One listener for good: with the last one removed, Node forgets a signal that has come and was not yet delivered.
  const listener = (signal: NodeJS.Signals): void => { handle(signal) }
  for (const signal of signals) {
    process.on(signal, listener)
    for (const other of process.listeners(signal)) if (other !== listener) process.removeListener(signal, other)
  }

  return {
    making: () => {
      handle = (signal) => {
        if (held) process.exit(128 + constants.signals[held])
        held = signal
      }
    },
    running: (vitest, stopRunning) => {
      let code = 0
      let firstAt = 0
      handle = (signal) => {
        if (code !== 0) {
          if (performance.now() - firstAt > repeatMs) process.exit(code)
          return
        }
        firstAt = performance.now()
        code = 128 + constants.signals[signal]
        exitCode = code
        process.exitCode = code
        process.stderr.write(`\n${signal}: stopping the run and cleaning up; once more to leave that to the janitor\n`)
        if (!released) deadline = setTimeout(() => process.exit(code), graceMs)
        void vitest.cancelCurrentRun('keyboard-input')
        stopRunning(signal).catch((error: unknown) => {
          process.stderr.write(`clone-smoke: ${String(error)}\n`)
        })
      }
      process.on('exit', () => {
        if (code !== 0) process.exitCode = code
      })
      if (held) handle(held)
      watch = watchParent(() => { handle('SIGTERM') })
    },
    release: () => {
      clearInterval(watch)
      clearTimeout(deadline)
      released = true
      // All is undone; what is left is vitest's own end, which can wait a minute for a worker that is gone.
      if (exitCode !== 0) setTimeout(() => process.exit(exitCode), vitestMs).unref()
    },
  }
}
