// Stands between an MCP client and a stdio server and writes down what the server received and answered:
//   node mcp-tap.mjs <log> <command> [args...]
// One JSON line per initialize, tools/list and tools/call, when its answer has passed. What it passes on is never changed.
import { spawn } from 'node:child_process'
import { appendFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

const [log, command, ...args] = process.argv.slice(2)
const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
const asked = new Map()
let client = 'unknown'

function parse(line) {
  try {
    const message = JSON.parse(line)
    return typeof message === 'object' && message !== null ? message : {}
  } catch {
    return {}
  }
}

function write(entry) {
  appendFileSync(log, `${JSON.stringify({ at: new Date().toISOString(), client, ...entry })}\n`)
}

function outcome({ error, result }) {
  if (error !== undefined) return { outcome: 'error', error: String(error?.message ?? JSON.stringify(error)) }
  const parts = Array.isArray(result?.content) ? result.content : []
  const answer = parts.map((part) => part?.text ?? '').join('\n')
  return result?.isError === true ? { outcome: 'error', error: answer, answer } : { outcome: 'ok', answer }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, method, params } = parse(line)
  if (method === 'initialize') client = params?.clientInfo?.name ?? client
  if (id !== undefined && ['initialize', 'tools/list', 'tools/call'].includes(method)) {
    asked.set(id, { method, ...(method === 'tools/call' && { tool: params?.name, arguments: params?.arguments ?? {} }) })
  }
  child.stdin.write(`${line}\n`)
}).on('close', () => child.stdin.end())

createInterface({ input: child.stdout }).on('line', (line) => {
  const message = parse(line)
  const request = message.method === undefined ? asked.get(message.id) : undefined
  if (request !== undefined) {
    asked.delete(message.id)
    // Before the answer passes: who has it can rely on the log.
    if (request.method === 'tools/list') write({ ...request, outcome: 'ok', tools: (message.result?.tools ?? []).map(({ name }) => name) })
    else write({ ...request, ...outcome(message) })
  }
  process.stdout.write(`${line}\n`)
})

child.stdin.on('error', () => undefined)
process.stdout.on('error', () => undefined)
child.on('error', (error) => {
  console.error(`mcp-tap: ${command} cannot be run: ${error.message}`)
  process.exitCode = 127
})
child.on('exit', (code, signal) => { process.exitCode = code ?? (signal === 'SIGTERM' ? 143 : 1) })
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal))
child.on('close', () => process.exit())
