import { readFileSync } from 'node:fs'
import { commandOf, type ProcessInfo } from '../processes/table.ts'

/** What a person wants to know of a process beside its place in the tree. */
export interface ProcessDetails extends ProcessInfo {
  /** One letter, e.g. `S` sleeps, `R` runs, `T` is stopped (proc(5)). */
  readonly state: string
  /** When it started, in milliseconds since 1970; about 10 ms exact. */
  readonly startedAt: number
  readonly memoryKb: number
  readonly command: string
  /** Undefined when it cannot be read. */
  readonly environment: ReadonlyMap<string, string> | undefined
}

/**
 * Looks closer at processes; those that have ended meanwhile are left out.
 * @param redact takes the secrets out of a command line, before it is cut
 */
export function detailsOf(processes: readonly ProcessInfo[], redact?: (text: string) => string): ProcessDetails[] {
  const bootedAt = Date.now() - Number(read('/proc/uptime').split(' ')[0]) * 1000
  return processes.flatMap((info) => {
    const state = stateOf(info.pid)
    if (state === undefined) return []
    return [{
      ...info, state,
      // Clock ticks are hundredths of a second in everything the kernel shows (USER_HZ, time(7)).
      startedAt: bootedAt + info.startTime * 10,
      memoryKb: Number(/^VmRSS:\s+(\d+)/m.exec(read(`/proc/${info.pid}/status`))?.[1] ?? 0),
      command: commandOf(info.pid, redact),
      environment: environmentOf(info.pid),
    }]
  })
}

/** The state letter of a process; undefined when it is gone. */
export function stateOf(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  return stat === '' ? undefined : stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3)
}

/** The environment a process was started with; undefined when it is gone or another user's. */
export function environmentOf(pid: number): Map<string, string> | undefined {
  const text = read(`/proc/${pid}/environ`)
  if (text === '') return undefined
  return new Map(text.split('\0').filter((entry) => entry.includes('=')).map((entry) => {
    const at = entry.indexOf('=')
    return [entry.slice(0, at), entry.slice(at + 1)]
  }))
}

/** The pids of all descendants of a process, itself included. */
export function familyOf(pid: number, table: readonly { readonly pid: number; readonly ppid: number }[]): Set<number> {
  const family = new Set([pid])
  for (let size = 0; size !== family.size;) {
    size = family.size
    for (const info of table) if (family.has(info.ppid)) family.add(info.pid)
  }
  return family
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
