import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** The answer to a call is kept up to this many characters. */
const answerLimit = 16_000

/** Every message as it came and went, when PROXY_DEBUG_LOG names a file. */
const debug = (direction, session, message) => {
  const file = process.env.PROXY_DEBUG_LOG
  if (file) appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), direction, session, message })}\n`)
}

const textOf = (result) => (result.content ?? []).map((part) => part.text ?? '').join('\n').slice(0, answerLimit)

/** Appends one line per MCP request; a single synchronous write, so that lines of two processes do not mix. */
export function openCallLog(file) {
  mkdirSync(dirname(file), { recursive: true })
  return (entry) => appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), by: 'proxy', ...entry })}\n`)
}

/**
 * Logs every request of a connected session when it ends, whoever answers it. Sits at the transport: there the log has
 * what was really received and really answered, `initialize` and unknown methods too.
 */
export function logRequests(transport, server, log) {
  const open = new Map()
  let introduced
  const end = (id, outcome, { error, answer } = {}) => {
    const request = open.get(id)
    if (!request) return
    open.delete(id)
    const { method, params, startedAt } = request
    log({
      client: server.getClientVersion() ?? introduced, session: transport.sessionId, method,
      ...(method === 'tools/call' && { tool: params?.name, arguments: params?.arguments ?? {} }),
      outcome, ...(error !== undefined && { error }), ...(method === 'tools/call' && answer !== undefined && { answer }), durationMs: Math.round(performance.now() - startedAt),
    })
  }

  const { onmessage, onclose, send } = transport
  transport.onmessage = (message, extra) => {
    debug('in', transport.sessionId, message)
    if (message.method === 'initialize') introduced = message.params?.clientInfo
    if (message.method !== undefined && message.id !== undefined) open.set(message.id, { ...message, startedAt: performance.now() })
    // A cancelled request is never answered.
    if (message.method === 'notifications/cancelled') end(message.params?.requestId, 'rpc-error', { error: `cancelled by the client: ${message.params?.reason ?? 'no reason given'}` })
    onmessage(message, extra)
  }
  transport.send = (message, options) => {
    debug('out', transport.sessionId, message)
    if (message.error) end(message.id, 'rpc-error', { error: message.error.message })
    else if (message.result?.isError) end(message.id, 'tool-error', { error: String(message.result.content?.[0]?.text ?? '').slice(0, 500) })
    else if (message.result) end(message.id, 'ok', { answer: textOf(message.result) })
    return send.call(transport, message, options)
  }
  transport.onclose = () => {
    for (const id of [...open.keys()]) end(id, 'rpc-error', { error: 'the proxy was stopped before it answered' })
    onclose?.()
  }
}
