import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

/** One row of the process table, read from /proc (Linux). */
export interface ProcessInfo {
  readonly pid: number
  readonly ppid: number
  readonly group: number
  readonly session: number
  /** Clock ticks since boot: with the pid it names one process for ever. */
  readonly startTime: number
  /** Device number of the controlling terminal; 0 when it has none. */
  readonly terminal: number
  readonly zombie: boolean
  readonly uid: number
}

/** A process that cannot be mistaken for a later one with the same pid. */
export interface ProcessIdentity {
  readonly pid: number
  readonly startTime: number
}

/** Reads one process; undefined when it is gone. Field numbers: proc(5), /proc/pid/stat. */
export function readProcess(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const uid = /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
    return {
      pid,
      ppid: Number(fields[1]),
      group: Number(fields[2]),
      session: Number(fields[3]),
      terminal: Number(fields[4]),
      startTime: Number(fields[19]),
      zombie: fields[0] === 'Z' || fields[0] === 'X',
      uid: Number(uid),
    }
  } catch {
    return undefined
  }
}

/** Every process of this machine that can be read. */
export function readProcesses(): ProcessInfo[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => readProcess(Number(name)))
    .filter((info) => info !== undefined)
}

/** True while that very process lives (a zombie does not). */
export function isAlive(identity: ProcessIdentity): boolean {
  const info = readProcess(identity.pid)
  return info?.startTime === identity.startTime && !info.zombie
}

/** Identity of a running process; undefined when it is gone. */
export function identify(pid: number): ProcessIdentity | undefined {
  const info = readProcess(pid)
  return info && { pid, startTime: info.startTime }
}

/** The longest command line in a message. Characters. */
const longestCommand = 200

/** The command line for messages, of as many whole arguments as have room: half a secret could not be told from other text. */
export function commandOf(pid: number, redact = (text: string): string => text): string {
  const command = redact(readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim())
  if (command.length <= longestCommand) return command
  const end = command.lastIndexOf(' ', longestCommand)
  return end === -1 ? '...' : `${command.slice(0, end)} ...`
}

/** True when the process was started with exactly `name=value` in its environment. */
export function hasInEnvironment(pid: number, name: string, value: string): boolean {
  return `\0${readText(`/proc/${pid}/environ`)}\0`.includes(`\0${name}=${value}\0`)
}

export function workingDirectory(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`)
  } catch {
    return undefined
  }
}

/** Names the world in which pids of this process are counted, e.g. `pid:[4026531836]`; empty where it cannot be read. */
export function pidNamespace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid')
  } catch {
    return ''
  }
}

/** Changes at every boot, so that pids of an earlier boot are never trusted. */
export function bootId(): string {
  return readText('/proc/sys/kernel/random/boot_id').trim()
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
