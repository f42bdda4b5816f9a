/** How the servers behind the proxy stand, as its log tells. */
export interface ServerStates {
  /** Began to connect, and nothing was heard since: the proxy waits for them, for ever. */
  readonly waiting: readonly string[]
  /** Gave an error; `reason` is the proxy's. */
  readonly failed: readonly { readonly server: string; readonly reason: string }[]
  readonly connected: readonly string[]
}

/** Reads the log of mcp-proxy. A restart writes everything anew, so that the last word of each server counts. */
export function serverStates(log: string): ServerStates {
  const last = new Map<string, { kind: 'waiting' | 'connected' } | { kind: 'failed'; reason: string }>()
  for (const line of log.split('\n')) {
    const [, server = '', said = ''] = /<([\w-]+)> (Connecting|Connected|Failed to add client to server: .*)$/.exec(line) ?? []
    if (said === 'Connecting') last.set(server, { kind: 'waiting' })
    else if (said === 'Connected') last.set(server, { kind: 'connected' })
    else if (said !== '') last.set(server, { kind: 'failed', reason: said.replace('Failed to add client to server: ', '') })
  }
  const named = (kind: string): string[] => [...last].filter(([, state]) => state.kind === kind).map(([server]) => server)
  return {
    waiting: named('waiting'), connected: named('connected'),
    failed: [...last].flatMap(([server, state]) => state.kind === 'failed' ? [{ server, reason: state.reason }] : []),
  }
}
