import { closeSync, constants, fstatSync, lstatSync, mkdirSync, openSync, readSync, readlinkSync, realpathSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { basename, join, sep } from 'node:path'
import { globSync } from 'tinyglobby'
import { Redactor } from '../redaction/redactor.ts'
import type { ProcessEnd, ProcessHost, RunningProcess } from '../processes/process.ts'

/** What the debug logs were at the begin of a stage. */
export interface DebugMark {
  readonly workspace: string
  readonly globs: readonly string[]
  /** By path relative to the workspace. */
  readonly since: ReadonlyMap<string, FileMark>
}

interface FileMark {
  readonly size: number
  readonly inode: bigint
  readonly modified: bigint
  /** Its last bytes: a file that was written anew may be longer than before. */
  readonly tail: Buffer
}

/** How much of a file's end tells that it was only appended to. Bytes. */
const tailBytes = 256

/** Keeps a name with its timestamp, stage and number below the 255 bytes of a file name. Characters, all one byte. */
const longestName = 120

/**
 * Remembers how far the files that match the globs have come.
 * @param globs relative to the workspace; dot files too. node_modules and .git are looked into only where one names them.
 */
export function markDebugLogs(workspace: string, globs: readonly string[]): DebugMark {
  const since = new Map<string, FileMark>()
  for (const path of matches(workspace, globs)) {
    const opened = openInside(workspace, path)
    if (typeof opened === 'string') continue
    const { fd, size, inode, modified } = opened
    try {
      since.set(path, { size, inode, modified, tail: tailOf(fd, size) })
    } catch {
      // What cannot be read now is copied whole if it can be read then.
    } finally {
      closeSync(fd)
    }
  }
  return { workspace, globs, since }
}

/**
 * Copies what was written to the matching files since the mark to each target, without secrets, as `<timestamp>-<stage>-<name>.log`. Only
 * regular files of the workspace; a link is not followed. A file that was written anew (it shrank, was replaced, or its
 * old end is gone) is copied whole; one to which nothing was added is left out.
 * @returns the names, the same in each target, and a sentence for each file that could not be copied. Never throws.
 */
export function captureDebugLogs(
  mark: DebugMark,
  { stage, now, targets, redactor = new Redactor() }: { readonly stage: string; readonly now: Date; readonly targets: readonly string[]; readonly redactor?: Redactor },
): { readonly files: readonly string[]; readonly notes: readonly string[] } {
  const files: string[] = []
  const notes: string[] = []
  const usable = targets.filter((target) => {
    const problem = attempt(() => mkdirSync(target, { recursive: true, mode: 0o700 }))
    if (problem !== undefined) notes.push(`no debug log can be copied to ${target}: ${problem}`)
    return problem === undefined
  })
  if (usable.length === 0) return { files, notes }
  const prefix = `${timestamp(now)}-${safe(stage)}`
  // A target may be in the workspace and match: what was copied there is no log of the stack.
  const own = usable.map((target) => realpathSync(target) + sep)
  const paths = matches(mark.workspace, mark.globs)
  for (const path of paths) {
    const opened = openInside(mark.workspace, path)
    if (typeof opened === 'string') {
      notes.push(`${path} was not copied: ${opened}`)
      continue
    }
    try {
      if (own.some((target) => opened.path.startsWith(target))) continue
      const from = firstNewByte(opened, mark.since.get(path))
      if (from === undefined) continue
      const name = freeName(prefix, nameOf(path, paths), usable)
      const copied = usable.filter((target) => {
        const problem = attempt(() => { copy(opened, from, join(target, name), redactor.refresh()) })
        if (problem !== undefined) notes.push(`${path} was not copied to ${target}: ${problem}`)
        return problem === undefined
      })
      if (copied.length > 0) files.push(name)
    } catch (error) {
      notes.push(`${path} was not copied: ${reason(error)}`)
    } finally {
      closeSync(opened.fd)
    }
  }
  return { files, notes }
}

function matches(workspace: string, globs: readonly string[]): string[] {
  const heavy = ['node_modules', '.git'].filter((name) => !globs.some((glob) => glob.split('/').includes(name)))
  try {
    return globSync([...globs], {
      cwd: workspace, dot: true, onlyFiles: true, followSymbolicLinks: false, expandDirectories: false,
      ignore: heavy.map((name) => `**/${name}/**`),
    }).toSorted()
  } catch {
    return []
  }
}

interface Opened {
  readonly fd: number
  /** Without links. */
  readonly path: string
  readonly size: number
  readonly inode: bigint
  readonly modified: bigint
}

/** Opens a regular file of the workspace; else says why not. What was opened is asked, so that nobody can swap it. */
function openInside(workspace: string, path: string): Opened | string {
  let fd: number
  try {
    fd = openSync(join(workspace, path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ELOOP' ? 'it is a link' : reason(error)
  }
  try {
    const stat = fstatSync(fd, { bigint: true })
    const real = readlinkSync(`/proc/self/fd/${fd}`)
    if (stat.isFile() && real.startsWith(realpathSync(workspace) + sep)) {
      return { fd, path: real, size: Number(stat.size), inode: stat.ino, modified: stat.mtimeNs }
    }
    closeSync(fd)
    return stat.isFile() ? `it is outside the workspace: ${real}` : 'it is no regular file'
  } catch (error) {
    closeSync(fd)
    return reason(error)
  }
}

/** Where the copy begins; undefined when there is nothing new. */
function firstNewByte({ fd, size, inode, modified }: Opened, was: FileMark | undefined): number | undefined {
  if (size === 0) return undefined
  if (was?.inode !== inode || size < was.size || !tailOf(fd, was.size).equals(was.tail)) return 0
  if (size > was.size) return was.size
  return modified === was.modified ? undefined : 0
}

function tailOf(fd: number, size: number): Buffer {
  const tail = Buffer.alloc(Math.min(size, tailBytes))
  const read = readSync(fd, tail, 0, tail.length, size - tail.length)
  return tail.subarray(0, read)
}

/** Copies up to the size that the file had when it was opened: it may grow faster than it is read. */
function copy({ fd, size }: Opened, from: number, target: string, redactor: Redactor): void {
  const to = openSync(target, 'wx', 0o600)
  try {
    const buffer = Buffer.alloc(Math.min(1024 * 1024, size - from))
    const shown = redactor.bytes()
    const write = (piece: Buffer): void => { for (let written = 0; written < piece.length;) written += writeSync(to, piece, written) }
    for (let position = from; position < size;) {
      const read = readSync(fd, buffer, 0, Math.min(buffer.length, size - position), position)
      if (read === 0) break
      write(shown.push(buffer.subarray(0, read)))
      position += read
    }
    write(shown.end())
  } catch (error) {
    rmSync(target, { force: true })
    throw error
  } finally {
    closeSync(to)
  }
}

/** The name in all targets; what was captured before in the same second keeps its own. */
function freeName(prefix: string, name: string, targets: readonly string[]): string {
  for (let number = 1; ; number += 1) {
    const candidate = `${prefix}-${name}${number === 1 ? '' : `-${number}`}.log`
    if (!targets.some((target) => exists(join(target, candidate)))) return candidate
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** The base name, or where another file has the same, the whole path: `a/x.log` and `b/x.log` are `a-x` and `b-x`. */
function nameOf(path: string, all: readonly string[]): string {
  const base = basename(path)
  const isUnique = all.filter((other) => basename(other) === base).length === 1
  return safe((isUnique ? base : path.replaceAll('/', '-')).replace(/(?<=.)\.log$/, ''))
}

function safe(text: string): string {
  return text.replaceAll(/[^\w.+@-]/g, '_').slice(-longestName)
}

/** `20261121-081500`, UTC. */
function timestamp(now: Date): string {
  return now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')
}

function attempt(work: () => unknown): string | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return reason(error)
  }
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replaceAll('\n', ': ')
}

export interface CollectorRequest {
  readonly host: ProcessHost
  readonly stage: string
  /** Receives `<timestamp>-<stage>-<collector>.log`. */
  readonly directory: string
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  readonly now: Date
  readonly redactor?: Redactor
}

/** How much of the kernel's log is kept, and how long it may take to say it. */
const kernel = { lines: 200, deadlineMs: 10_000 }

/**
 * Starts what watches the machine during a stage: `vmstat 1` and `top -b -d 5`; and, when it is stopped, the last 200
 * errors and warnings of the kernel (`dmesg`). All are optional: one that is not there or refuses is a note, never an
 * error.
 * @returns `stop`, which ends them and gives the notes; a second call gives the same
 */
export async function startCollectors({ host, stage, directory, cwd, env, now, redactor = new Redactor() }: CollectorRequest): Promise<{ stop(): Promise<readonly string[]> }> {
  const notes: string[] = []
  const start = async (name: string, args: readonly string[], more: { stdout?: string; deadlineMs?: number; onLine?: (line: string, stream: 'stdout' | 'stderr') => void } = {}): Promise<RunningProcess | undefined> => {
    const file = fileOf(name)
    try {
      return await host.start({
        name, file: name, args, cwd, env: { TERM: 'dumb', ...env }, stdout: file, stderr: more.stdout ?? file, deadlineMs: Infinity, ...more,
      })
    } catch (error) {
      notes.push(`${name} was not collected: ${reason(error)}`)
      // The host makes the log before it can know.
      if (more.stdout === undefined) attempt(() => { rmSync(file, { force: true }) })
      return undefined
    }
  }
  const prefix = `${timestamp(now)}-${safe(stage)}`
  const fileOf = (name: string): string => join(directory, `${prefix}-${name}.log`)
  const running = [
    { name: 'vmstat', child: await start('vmstat', ['1']) },
    { name: 'top', child: await start('top', ['-b', '-d', '5']) },
  ]
  const collectKernel = async (): Promise<void> => {
    const lines: string[] = []
    const said: string[] = []
    const child = await start('dmesg', ['--level=err,warn'], { stdout: '/dev/null', deadlineMs: kernel.deadlineMs, onLine: (line, stream) => {
      const list = stream === 'stdout' ? lines : said
      list.push(line)
      if (list.length > kernel.lines) list.shift()
    } })
    if (child === undefined) return
    const end = await child.ended
    if (lines.length > 0) {
      const problem = attempt(() => { writeFileSync(fileOf('dmesg'), `${redactor.text(lines.join('\n'))}\n`, { flag: 'wx', mode: 0o600 }) })
      if (problem !== undefined) notes.push(`dmesg was not collected: ${problem}`)
    }
    if (end.exitCode !== 0) notes.push(`dmesg was not collected: ${howItEnded(end)}: ${said.at(-1) ?? 'it said nothing'}`)
  }
  const stop = async (): Promise<readonly string[]> => {
    await Promise.all(running.map(async ({ name, child }) => {
      const end = await child?.stop()
      if (end !== undefined && end.cause !== 'stopped') notes.push(`${name} ended by itself: ${howItEnded(end)}: ${end.lastLines.at(-1) ?? 'it said nothing'}`)
    }))
    await collectKernel()
    return notes
  }
  let stopped: Promise<readonly string[]> | undefined
  return { stop: () => (stopped ??= stop()) }
}

function howItEnded({ cause, exitCode, signal }: ProcessEnd): string {
  if (cause === 'deadline') return `it took longer than ${kernel.deadlineMs} ms`
  return signal ?? `exit code ${exitCode ?? 'unknown'}`
}
