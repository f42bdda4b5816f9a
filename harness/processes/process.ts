/** A command to run inside a sandbox. */
export interface Command {
  /** Short name for messages and logs, e.g. `render`. */
  readonly name: string
  readonly file: string
  readonly args: readonly string[]
  readonly cwd: string
  /** The WHOLE environment of the child; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>
  /** Files that receive stdout and stderr line by line as they arrive, without secrets; they may be the same path. */
  readonly stdout: string
  readonly stderr: string
  /** Called for each complete line, after it was written. `shown` is what was written: the line without its secrets. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr', shown: string) => void
  /** Milliseconds until the whole process tree is stopped. */
  readonly deadlineMs: number
  /** Milliseconds without a line on either stream until the tree is stopped. */
  readonly silenceMs?: number
  readonly signal?: AbortSignal | undefined
}

export interface ProcessEnd {
  readonly exitCode: number | null
  readonly signal: NodeJS.Signals | null
  readonly durationMs: number
  /** What ended it: itself, its deadline, silence, the caller's abort, or `stop()`. */
  readonly cause: 'exit' | 'deadline' | 'silence' | 'aborted' | 'stopped'
  /** The last lines of both streams as they were written, at most 40, for messages. */
  readonly lastLines: readonly string[]
  /** What `onLine` threw; it ended the process. */
  readonly lineError?: Error
}

export interface RunningProcess {
  readonly pid: number
  /** Settles when the process has ended and its whole session is gone. Never rejects. */
  readonly ended: Promise<ProcessEnd>
  /** Ends the process and everything in its session: SIGINT, then SIGTERM, then SIGKILL, each with a bound. */
  stop(): Promise<ProcessEnd>
}

/** Starts processes that belong to one sandbox. Each gets a session of its own and is in the ledger before it can do harm. */
export interface ProcessHost {
  /** @throws Error when the file cannot be started (ENOENT, EACCES). */
  start(command: Command): Promise<RunningProcess>
}
