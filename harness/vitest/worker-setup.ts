import { inject } from 'vitest'
import { identify } from '../processes/table.ts'
import { appendToLedger } from '../sandbox/ledger.ts'
import { workspacePaths } from '../sandbox/workspace-paths.ts'

/**
 * Runs in the worker before each lane file. Ctrl+C reaches the whole process group: the worker must outlive it, or the
 * reports lose the lane that was running; the main process ends the worker when all is written down.
 */
const ready = Symbol.for('clone-smoke.worker-setup')
const globals = globalThis as { [ready]?: true }
if (globals[ready] === undefined) {
  globals[ready] = true
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
  const self = identify(process.pid)
  if (self) appendToLedger(workspacePaths(inject('smokeRun').workspace).ledger, { kind: 'harness', process: self })
}
