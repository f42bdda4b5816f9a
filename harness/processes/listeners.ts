import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { readProcesses } from './table.ts'

export interface Listener {
  readonly port: number
  readonly pid: number
}

/** A listening TCP socket, whoever holds it. */
export interface ListeningSocket {
  readonly port: number
  /** Names the socket in /proc/<pid>/fd of each of its holders. */
  readonly inode: string
}

/** Every listening TCP socket of this network namespace, on any address. Source: /proc/net/tcp, state 0A (proc(5)). */
export function listeningSockets(): ListeningSocket[] {
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((file) => readLines(file).flatMap((line) => {
    const fields = line.trim().split(/\s+/)
    if (fields[3] !== '0A') return []
    return [{ port: Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16), inode: fields[9] ?? '' }]
  }))
}

/** The processes that hold each of the given sockets; those of another user cannot be seen. */
export function holdersOf(inodes: ReadonlySet<string>): Map<string, number[]> {
  const holders = new Map<string, number[]>()
  for (const { pid } of readProcesses()) {
    for (const inode of new Set(socketInodes(pid))) {
      if (inodes.has(inode)) holders.set(inode, [...(holders.get(inode) ?? []), pid])
    }
  }
  return holders
}

/** The TCP ports on which the given processes listen. */
export function listenersOf(belongs: (pid: number) => boolean): Listener[] {
  const ports = new Map(listeningSockets().map(({ port, inode }) => [inode, port]))
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
