import { join, relative } from 'node:path'
import type { Command, ProcessHost } from '../processes/process.ts'
import type { RestartRequest, RestartResult } from '../stack/restart.ts'
import type { RunRequest, StartRequest, StepContext } from '../suite.ts'
import { fail, type VerdictClass } from '../verdict.ts'

/** The part of a context that is the same in every step of a run. */
export type ContextBase = Omit<StepContext, 'signal' | 'run' | 'start' | 'restart' | 'clone' | 'finding'>

/** The part of a restart that belongs to one step. */
export interface RestartStep {
  readonly name: string
  readonly signal: AbortSignal
  readonly run: StepContext['run']
  readonly leftMs: () => number
  readonly onEvidence: (relativePath: string) => void
}

export type RestartWith = (request: RestartRequest, step: RestartStep) => Promise<RestartResult>

export interface ContextParts {
  readonly base: ContextBase
  readonly host: ProcessHost
  readonly clone: (name: string, run: StepContext['run']) => ReturnType<StepContext['clone']>
  readonly restartWith: RestartWith
  readonly lane: string
  readonly step: string
  /** The class of a command that fails. */
  readonly failsAs: VerdictClass
  readonly signal: AbortSignal
  /** Milliseconds left for this step. */
  readonly leftMs: () => number
  /** Called with each log, relative to the workspace, when it is begun. */
  readonly onLog: (log: string) => void
  readonly finding: StepContext['finding']
}

/**
 * What a step, or a check of the author's own, can do in the sandbox. `settled` resolves when no command that was run
 * through it is under way any more.
 */
export function createStepContext(parts: ContextParts): { readonly context: StepContext; readonly settled: () => Promise<unknown> } {
  const { base, host, lane, step, failsAs, signal, leftMs, onLog } = parts
  const command = (request: StartRequest): Omit<Command, 'deadlineMs'> & { readonly shownLog: string } => {
    const name = request.name ?? step
    const log = join(base.paths.logs, `${lane}-${name.replaceAll(/[^\w.-]+/g, '-')}.log`)
    const shownLog = relative(base.paths.root, log)
    onLog(shownLog)
    return {
      name: `${lane}/${name}`, file: request.file, args: request.args, cwd: request.cwd, env: { ...base.env, ...request.env },
      stdout: log, stderr: log, shownLog,
    }
  }

  const underWay = new Set<Promise<unknown>>()
  const run = (request: RunRequest): Promise<string> => {
    const work = runToEnd(request)
    underWay.add(work)
    work.catch(() => undefined).finally(() => underWay.delete(work))
    return work
  }
  const runToEnd = async (request: RunRequest): Promise<string> => {
    signal.throwIfAborted()
    const { shownLog, ...rest } = command(request)
    const stdout: string[] = []
    const deadlineMs = Math.max(1, Math.min(leftMs(), request.deadlineMs ?? Infinity))
    const child = await host.start({
      ...rest, deadlineMs, signal,
      onLine: (line, stream) => {
        if (stream === 'stdout') stdout.push(line)
        request.onLine?.(line)
      },
    })
    const end = await child.ended
    if (end.lineError !== undefined) throw end.lineError
    if (end.cause === 'exit' && end.exitCode === 0) return stdout.join('\n')
    const shown = `\`${[request.file.split('/').at(-1), ...request.args].join(' ')}\``
    const lines = `last lines:\n${end.lastLines.slice(-12).join('\n') || '(no output)'}`
    const evidence = [shownLog]
    if (end.cause === 'deadline') throw fail('budget', `${shown} did not end within ${(deadlineMs / 1000).toFixed(1)} s; ${lines}`, { evidence })
    if (end.cause !== 'exit') throw fail('interrupted', `${shown} was stopped (${end.cause}); ${lines}`, { evidence })
    const how = end.signal === null ? `exited with ${String(end.exitCode)}` : `was killed by ${end.signal}`
    throw fail(failsAs, `${shown} ${how}; ${lines}`, { evidence })
  }

  const context: StepContext = {
    ...base,
    signal,
    finding: parts.finding,
    run,
    // Not bound to the step's signal: what is started here goes on when the step has ended.
    start: (request) => {
      return host.start({ ...command(request), deadlineMs: Infinity, onLine: (line) => request.onLine?.(line) })
    },
    restart: (request) => parts.restartWith(request, { name: `${lane}-${step}`, signal, run, leftMs, onEvidence: onLog }),
    clone: (name) => parts.clone(name, run),
  }
  return { context, settled: () => Promise.allSettled(underWay) }
}
