import { excerpt } from '../redaction/excerpt.ts'

/** How clone-smoke introduces itself, so that its own calls can be told from the agent's in a server's log. */
export const clientName = 'clone-smoke'

export interface InitializeProbe {
  readonly ok: boolean
  /** What the server calls itself, and its version where it says one. */
  readonly serverName?: string
  readonly serverVersion?: string
  /** HTTP status and the start of the body, or the connection error. */
  readonly detail: string
  /** Undefined when no HTTP answer came. */
  readonly status?: number
  /** What came of the body, at most 64 KiB. */
  readonly body?: string
}

/** A body is read no further than this; an event stream may never end. Characters. */
const longestBody = 64 * 1024

/**
 * Sends one JSON-RPC `initialize` and says what came back; never throws. The body is read until it holds the answer,
 * as a server may leave its event stream open (Streamable HTTP transport, MCP 2025-06-18).
 * @param timeoutMs bound of the whole probe in milliseconds
 */
export async function probeInitialize(url: string, timeoutMs: number, stop?: AbortSignal): Promise<InitializeProbe> {
  const timeout = AbortSignal.timeout(Math.max(1, Math.ceil(timeoutMs)))
  const signal = stop ? AbortSignal.any([timeout, stop]) : timeout
  let status: number | undefined
  let body = ''
  try {
    const response = await fetch(url, {
      method: 'POST', signal,
      headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
      body: JSON.stringify({
        jsonrpc: '2.0', id: 1, method: 'initialize',
        params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: clientName, version: '1' } },
      }),
    })
    status = response.status
    const decoder = new TextDecoder()
    let server: ServerInfo | undefined
    // Leaving the loop cancels what is left of the body.
    for await (const chunk of response.body ?? []) {
      body = (body + decoder.decode(chunk as Uint8Array, { stream: true })).slice(0, longestBody)
      server = serverInfoIn(body)
      if (server !== undefined || body.length >= longestBody) break
    }
    const session = response.headers.get('mcp-session-id')
    if (session !== null) await fetch(url, { method: 'DELETE', headers: { 'mcp-session-id': session }, signal }).catch(() => undefined)
    const answer = { detail: describe(status, body), status, body }
    if (server === undefined) return { ok: false, ...answer }
    return { ok: response.ok, serverName: server.name, ...(server.version !== undefined && { serverVersion: server.version }), ...answer }
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : ''
    const trouble = `${error instanceof Error ? error.message : String(error)}${cause}`
    return status === undefined ? { ok: false, detail: trouble } : { ok: false, detail: `${describe(status, body)} (${trouble})`, status, body }
  }
}

interface ServerInfo {
  readonly name: string
  readonly version?: string
}

/** The `serverInfo` of a JSON-RPC answer, which may be the whole body or the data of one event. */
function serverInfoIn(body: string): ServerInfo | undefined {
  const events = body.split(/\r?\n\r?\n/).map((event) => event.split(/\r?\n/).filter((line) => line.startsWith('data:')).map((line) => line.slice(5)).join('\n'))
  for (const text of [body, ...events]) {
    try {
      const { serverInfo } = (JSON.parse(text) as { result?: { serverInfo?: { name?: unknown; version?: unknown } } }).result ?? {}
      if (typeof serverInfo?.name === 'string') {
        return { name: serverInfo.name, ...(typeof serverInfo.version === 'string' && { version: serverInfo.version }) }
      }
    } catch {
      // Not whole yet, or not JSON at all.
    }
  }
  return undefined
}

const describe = (status: number, body: string): string => `HTTP ${status} ${excerpt(body.replaceAll(/\s+/g, ' '), 300)}`
