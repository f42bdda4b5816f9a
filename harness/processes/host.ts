import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { StringDecoder } from 'node:string_decoder'
import type { Readable } from 'node:stream'
import { execa } from 'execa'
import { Redactor } from '../redaction/redactor.ts'
import { endProcesses, signalProcess } from '../sandbox/finish.ts'
import { appendToExistingLedger, appendToLedger } from '../sandbox/ledger.ts'
import { identify, isAlive, readProcesses, type ProcessIdentity, type ProcessInfo } from './table.ts'
import type { Command, ProcessEnd, ProcessHost, RunningProcess } from './process.ts'

/** How long a process may take to obey SIGINT, then SIGTERM, before SIGKILL. Milliseconds. */
const bounds = { interrupt: 1500, terminate: 1500, drain: 500, drainMost: 5000, strays: 300 }

/**
 * A host whose processes are written to `ledgerFile`, so that another process can end them when this one cannot. What they
 * say is kept without the secrets that the redactor knows, or that are in their own environment.
 */
export function createProcessHost(ledgerFile: string, redactor = new Redactor()): ProcessHost {
  return { start: (command) => start(command, ledgerFile, redactor) }
}

async function start(command: Command, ledgerFile: string, redactor: Redactor): Promise<RunningProcess> {
  const startedAt = performance.now()
  const lastLines: string[] = []
  let lastOutput = performance.now()
  let lineError: Error | undefined
  // Before the start: a process whose output has nowhere to go must not run.
  const output = openOutput(command, redactor.refresh().learnFrom(command.env), (line, stream, shown) => {
    lastOutput = performance.now()
    lastLines.push(shown.slice(0, 2000))
    if (lastLines.length > 40) lastLines.shift()
    try {
      command.onLine?.(line, stream, shown)
    } catch (error) {
      lineError ??= error instanceof Error ? error : new Error(String(error))
      end('aborted')
    }
  })
  const { child, pid, leader } = await startRecorded(command, ledgerFile).catch((error: unknown) => {
    output.close()
    throw error
  })

  let allRead = false
  const drained = Promise.all([output.read(child.stdout, 'stdout'), output.read(child.stderr, 'stderr')]).then(() => { allRead = true })
  // It is awaited when the process has ended; until then it may not count as unhandled.
  drained.catch(() => undefined)

  let cause: ProcessEnd['cause'] = 'exit'
  let ending: Promise<unknown> | undefined
  const end = (why: ProcessEnd['cause']): void => {
    if (ending !== undefined) return
    cause = why
    ending = leader ? endSession(leader) : Promise.resolve(child.kill('SIGKILL'))
  }
  const timers: NodeJS.Timeout[] = []
  if (Number.isFinite(command.deadlineMs)) {
    timers.push(setTimeout(end, command.deadlineMs, 'deadline'))
  }
  if (command.silenceMs !== undefined) {
    const { silenceMs } = command
    timers.push(setInterval(() => {
      if (performance.now() - lastOutput > silenceMs) end('silence')
    }, Math.min(250, silenceMs)))
  }
  const abort = (): void => {
    end('aborted')
  }
  command.signal?.addEventListener('abort', abort, { once: true })
  if (command.signal?.aborted === true) abort()

  const ended = (async (): Promise<ProcessEnd> => {
    const exit = await new Promise<{ exitCode: number | null; signal: NodeJS.Signals | null }>((resolve) => {
      child.once('exit', (exitCode, signal) => {
        resolve({ exitCode, signal })
      })
      // A process that could start but fails later reports through `exit`; this one never started.
      child.once('error', () => {
        resolve({ exitCode: null, signal: null })
      })
    })
    for (const timer of timers) clearTimeout(timer)
    command.signal?.removeEventListener('abort', abort)
    try {
      await ending
      // A stray that holds the pipe must not hold us: its session is ended, then the pipe is given a moment.
      if (leader) await endStrays(leader)
      await Promise.race([drained, quiet(() => lastOutput, () => allRead)])
    } finally {
      output.close()
    }
    try {
      if (leader) appendToExistingLedger(ledgerFile, { kind: 'session-ended', leader })
    } catch {
      // The workspace is gone or its disk is full: the session then counts as open, which harms nobody.
    }
    return { ...exit, durationMs: performance.now() - startedAt, cause, lastLines, ...(lineError !== undefined && { lineError }) }
  })()
  return {
    pid,
    ended,
    stop: () => {
      end('stopped')
      return ended
    },
  }
}

/** Starts the process and writes down its session; one that cannot be written down does not go on. */
async function startRecorded(command: Command, ledgerFile: string) {
  const child = execa(command.file, [...command.args], {
    cwd: command.cwd, env: { ...command.env }, extendEnv: false,
    stdin: 'ignore', buffer: false, reject: false, cleanup: false,
    // A session of its own: whatever it starts can be found by session id, also after it was re-parented.
    detached: true,
  })
  const { pid } = child
  if (pid === undefined) throw new Error((await child).shortMessage)
  const leader = identify(pid)
  try {
    if (leader) appendToLedger(ledgerFile, { kind: 'session', name: command.name, leader })
  } catch (error) {
    if (leader) await endProcesses(() => sessionMembers(leader), bounds.terminate)
    throw error
  }
  return { child, pid, leader }
}

/** Resolves when nothing came for a while: somebody outside the session may hold the pipe open for ever. */
async function quiet(lastOutput: () => number, allRead: () => boolean): Promise<void> {
  const began = performance.now()
  while (!allRead() && performance.now() - Math.max(began, lastOutput()) < bounds.drain && performance.now() - began < bounds.drainMost) await delay(20)
}

function sessionMembers(leader: ProcessIdentity): ProcessInfo[] {
  return readProcesses().filter(
    (info) => info.session === leader.pid && info.startTime >= leader.startTime && !info.zombie,
  )
}

/** SIGINT to the leader's group, as Ctrl+C would; then SIGTERM and SIGKILL to everything in the session. */
async function endSession(leader: ProcessIdentity): Promise<void> {
  for (const info of sessionMembers(leader)) if (info.group === leader.pid) signalProcess(info, 'SIGINT')
  const deadline = performance.now() + bounds.interrupt
  while (performance.now() < deadline && isAlive(leader)) await delay(15)
  await endProcesses(() => sessionMembers(leader), bounds.terminate)
}

/** What a process leaves in its own session when it exits by itself gets a moment, then is ended. */
async function endStrays(leader: ProcessIdentity): Promise<void> {
  const deadline = performance.now() + bounds.strays
  while (performance.now() < deadline && sessionMembers(leader).length > 0) await delay(15)
  await endProcesses(() => sessionMembers(leader), bounds.terminate)
}

/** A line longer than this is cut into pieces of about this size, so that one cannot fill the memory. Characters. */
const longestLine = 1024 * 1024

interface Output {
  read(stream: Readable, name: 'stdout' | 'stderr'): Promise<void>
  close(): void
}

/**
 * Writes both streams to their files line by line, without secrets, and all lines that came together at once. A file that
 * cannot be written is said once, among the lines.
 */
function openOutput(command: Command, redactor: Redactor, onLine: (line: string, stream: 'stdout' | 'stderr', shown: string) => void): Output {
  const files = { stdout: openFile(command.stdout), stderr: -1 }
  try {
    files.stderr = command.stderr === command.stdout ? files.stdout : openFile(command.stderr)
  } catch (error) {
    closeSync(files.stdout)
    throw error
  }
  let open = true
  let broken = false
  const take = (lines: readonly string[], stream: 'stdout' | 'stderr', redact: (line: string) => string): void => {
    if (!open || lines.length === 0) return
    const shown = lines.map((line) => safely(redact, line))
    try {
      if (!broken) writeSync(files[stream], `${shown.join('\n')}\n`)
    } catch (error) {
      broken = true
      const problem = `(clone-smoke: ${command[stream]} cannot be written: ${String(error)})`
      onLine(problem, stream, problem)
    }
    lines.forEach((line, index) => { onLine(line, stream, shown[index] ?? '') })
  }
  return {
    read: async (readable, name) => {
      const decoder = new StringDecoder('utf8')
      const redact = redactor.lines()
      let rest = ''
      try {
        for await (const chunk of readable) {
          const lines = decoder.write(chunk as Buffer).split('\n')
          lines[0] = rest + (lines[0] ?? '')
          rest = lines.pop() ?? ''
          take(lines, name, redact)
          if (rest.length < longestLine) continue
          const { done, rest: next } = redactor.cut(rest)
          if (done !== '') take([done], name, redact)
          rest = next
        }
      } catch (error) {
        // The pipe broke because the process was ended; what came until then is kept.
        if (!isOfPipe(error)) throw error
      }
      if (rest !== '') take([rest], name, redact)
    },
    close: () => {
      open = false
      for (const fd of new Set([files.stdout, files.stderr])) closeSync(fd)
    },
  }
}

/** A line that cannot be redacted is not written, and costs no other. */
function safely(redact: (line: string) => string, line: string): string {
  try {
    return redact(line)
  } catch (error) {
    return `(clone-smoke: a line of ${line.length} characters is left out, its secrets could not be hidden: ${error instanceof Error ? error.message : String(error)})`
  }
}

/** What a stream says whose other end is gone; anything else is a fault of ours. */
const isOfPipe = (error: unknown): boolean =>
  error instanceof Error && /^(?:EPIPE|ECONNRESET|EIO|EBADF|ABORT_ERR|ERR_STREAM_\w+)$/.test((error as NodeJS.ErrnoException).code ?? '')

function openFile(path: string): number {
  mkdirSync(dirname(path), { recursive: true })
  return openSync(path, 'a', 0o600)
}
