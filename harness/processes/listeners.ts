import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { readProcesses } from './table.ts'

export interface Listener {
  readonly port: number
  readonly pid: number
}

/** The TCP ports on which the given processes listen. Source: /proc/net/tcp, state 0A (proc(5)). */
export function listenersOf(belongs: (pid: number) => boolean): Listener[] {
  const ports = new Map<string, number>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readLines(file)) {
      const fields = line.trim().split(/\s+/)
      if (fields[3] === '0A') ports.set(fields[9] ?? '', Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16))
    }
  }
  const found: Listener[] = []
  for (const { pid } of readProcesses()) {
    if (!belongs(pid)) continue
    for (const inode of socketInodes(pid)) {
      const port = ports.get(inode)
      if (port !== undefined) found.push({ port, pid })
    }
  }
  return found
}

function socketInodes(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]
        return inode === undefined ? [] : [inode]
      } catch {
        return []
      }
    })
  } catch {
    return []
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').slice(1)
  } catch {
    return []
  }
}
