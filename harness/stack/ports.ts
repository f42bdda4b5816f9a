import { readFileSync } from 'node:fs'
import { listenersOf } from '../processes/listeners.ts'
import { commandOf, readProcess, type ProcessInfo } from '../processes/table.ts'

/** Who listens on a port. The pid is undefined when the holder is another user's process, which cannot be looked at. */
export interface PortHolder {
  readonly port: number
  readonly pid: number | undefined
  readonly ours: boolean
}

/**
 * Who listens on the given ports, and on which other ports the sandbox listens.
 * @param processes the living processes of the sandbox
 */
export function portHolders(ports: readonly number[], processes: () => readonly ProcessInfo[]): PortHolder[] {
  // Looked at before and after: one that starts or ends meanwhile must not pass for a stranger.
  const before = processes()
  const known = listenersOf(() => true)
  const unknown = unseen(ports).filter((port) => !known.some((listener) => listener.port === port))
  const ours = new Set([...before, ...processes()].map(({ pid }) => pid))
  const holders: PortHolder[] = [
    ...known.map(({ port, pid }) => ({ port, pid, ours: ours.has(pid) }))
      .filter((holder) => holder.ours || (ports.includes(holder.port) && readProcess(holder.pid)?.zombie === false)),
    // The table is read anew: a listener that was about to end has gone by now.
    ...(unknown.length === 0 ? [] : unseen(unknown)).map((port) => ({ port, pid: undefined, ours: false })),
  ]
  const names = holders.map(({ port, pid }) => `${port} ${pid ?? ''}`)
  return holders.filter((_, index) => names.indexOf(names[index] ?? '') === index).sort((a, b) => a.port - b.port)
}

/** Those of the ports on which somebody listens whose process cannot be seen. */
function unseen(ports: readonly number[]): number[] {
  const taken = listeningPorts()
  const seen = listenersOf(() => true)
  return ports.filter((port) => taken.has(port) && !seen.some((listener) => listener.port === port))
}

/** `process 12 (node server.mjs)`, for messages. */
export function describeHolder({ pid }: PortHolder): string {
  return pid === undefined ? 'a process of another user' : `process ${pid} (${commandOf(pid) || 'it has just ended'})`
}

/** Every TCP port of this machine on which somebody listens. Source: /proc/net/tcp, state 0A (proc(5)). */
function listeningPorts(): Set<number> {
  const found = new Set<number>()
  for (const file of ['/proc/net/tcp', '/proc/net/tcp6']) {
    let lines: string[] = []
    try {
      lines = readFileSync(file, 'utf8').split('\n').slice(1)
    } catch {
      // A machine without IPv6 has no second table.
    }
    for (const line of lines) {
      const fields = line.trim().split(/\s+/)
      if (fields[3] === '0A') found.add(Number.parseInt(fields[1]?.split(':').at(-1) ?? '', 16))
    }
  }
  return found
}
