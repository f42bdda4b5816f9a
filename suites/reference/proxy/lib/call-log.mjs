import { appendFileSync, mkdirSync } from 'node:fs'
import { dirname } from 'node:path'

/** Appends one line per MCP request; a single synchronous write, so that lines of two processes do not mix. */
export function openCallLog(file) {
  mkdirSync(dirname(file), { recursive: true })
  return (entry) => appendFileSync(file, `${JSON.stringify({ at: new Date().toISOString(), by: 'proxy', ...entry })}\n`)
}

/** Runs the work of one request and logs how it ended. */
export async function logged(log, entry, work) {
  const startedAt = performance.now()
  const end = (outcome, error) => log({ ...entry, outcome, ...(error && { error }), durationMs: Math.round(performance.now() - startedAt) })
  try {
    const result = await work()
    if (result?.isError) end('tool-error', String(result.content?.[0]?.text ?? '').slice(0, 500))
    else end('ok')
    return result
  } catch (error) {
    end('rpc-error', error.message)
    throw error
  }
}
