import { randomUUID } from 'node:crypto'
import { appendFileSync, mkdirSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname } from 'node:path'
import { z } from 'zod'
import type { ModelEndpoint } from '../agents/agent.ts'
import type { Redactor } from '../redaction/redactor.ts'
import { excerpt } from '../redaction/excerpt.ts'
import { readOfferedTools, type OfferedTools } from './offered-tools.ts'
import { assistantMessage, functionCall, responseCompleted, responseCreated, serverSentEvents, type ToolName } from './responses.ts'

/** One MCP call that the model asks the agent to make. */
export interface ScriptCall {
  readonly server: string
  readonly tool: string
  readonly arguments: Readonly<Record<string, unknown>>
}

/** The calls of one model response. */
export type ScriptTurn = readonly ScriptCall[]

/** What the model says: its turns, then a message that ends the session. So it is asked once more than it has turns. */
export interface Script {
  readonly turns: readonly ScriptTurn[]
  /** Default: `done`. */
  readonly finalMessage?: string
}

/** A fault at one request; requests count from 1. */
export type ModelFault =
  /** `headers`: never answers. `stream`: answers, then falls silent. */
  | { readonly request: number; readonly hang: 'headers' | 'stream' }
  | { readonly request: number; readonly status: number }
  /** Ends the stream before its last event. */
  | { readonly request: number; readonly cut: true }

export interface ScriptedModelOptions {
  /** File that receives one JSON line a request: what the model would have seen. */
  readonly modelLog?: string | undefined
  /** Takes the secrets out of the model log. */
  readonly redactor?: Redactor | undefined
  /**
   * What to do about a tool that the agent does not offer. `attempt` (default): ask for it all the same, so that the
   * agent itself says it is unknown. `refuse`: end the session with a problem.
   */
  readonly whenMissing?: 'attempt' | 'refuse'
  readonly faults?: readonly ModelFault[]
}

/** An answer to a call, as the agent gave it to the model. */
export interface CallOutput {
  readonly server: string
  readonly tool: string
  readonly callId: string
  readonly text: string
  /** The agent did not know the tool. */
  readonly unsupported: boolean
}

export interface MissingTool {
  readonly server: string
  readonly tool: string
  /** What was offered instead, as `server/tool`. */
  readonly offered: readonly string[]
}

/** Everything the model saw. */
export interface ModelRecord {
  readonly requests: number
  readonly expectedRequests: number
  /** MCP tools of all requests as `server/tool`, in the order first seen. */
  readonly offeredTools: readonly string[]
  readonly outputs: readonly CallOutput[]
  readonly missing: readonly MissingTool[]
  /** Requests that were not as they must be; each was answered with HTTP 400 and this sentence. */
  readonly problems: readonly string[]
  /** Said when the agent left before the script's end; why is for the agent's own outcome to tell. */
  readonly shortfall: string | undefined
}

export interface ScriptedModel {
  /** Where the agent finds it; the key is new for every model. */
  readonly endpoint: ModelEndpoint
  /** Closes the server and every connection, and tells what it saw. May be called again. */
  finish(): Promise<ModelRecord>
}

/** Larger than any request seen (43 KB) by far; a guard for the harness's memory. Bytes. */
const bodyLimit = 64 * 1024 * 1024

const requestBody = z.looseObject({ input: z.array(z.unknown()) })
const outputItem = z.looseObject({ type: z.string().endsWith('_output'), call_id: z.string(), output: z.unknown() })
const textPart = z.looseObject({ text: z.string() })

/**
 * Starts a loopback server that speaks the Responses API and plays a script, whatever the prompt says. It checks every
 * request: address, key, body, and that the outputs of the calls before it came back.
 * @throws Error when it cannot listen, or the log's folder cannot be made
 */
export async function startScriptedModel(script: Script, options: ScriptedModelOptions = {}): Promise<ScriptedModel> {
  if (options.modelLog !== undefined) mkdirSync(dirname(options.modelLog), { recursive: true })
  const apiKey = `scripted-${randomUUID()}`
  const conversation = new Conversation(script, options, apiKey)
  const server = createServer((request, response) => {
    conversation.answer(request, response).catch((error: unknown) => { conversation.giveUp(response, error) })
  })
  await new Promise<void>((settle, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', settle)
  })
  const { port } = server.address() as AddressInfo
  let finished: Promise<void> | undefined
  return {
    endpoint: { name: 'scripted', baseUrl: `http://127.0.0.1:${port}/v1`, apiKey },
    finish: async () => {
      finished ??= new Promise((settle) => {
        server.close(() => { settle() })
        server.closeAllConnections()
      })
      await finished
      return conversation.record()
    },
  }
}

/** A request that the script has no answer to. */
class Deviation extends Error {}

class Conversation {
  readonly #script: Script
  readonly #options: ScriptedModelOptions
  readonly #apiKey: string
  readonly #servers: readonly string[]
  /** By call id, in the order issued. */
  readonly #issued = new Map<string, ScriptCall & { readonly request: number }>()
  readonly #outputs = new Map<string, CallOutput>()
  readonly #offered = new Set<string>()
  readonly #missing: MissingTool[] = []
  readonly #problems: string[] = []
  #requests = 0

  constructor(script: Script, options: ScriptedModelOptions, apiKey: string) {
    this.#script = script
    this.#options = options
    this.#apiKey = apiKey
    this.#servers = [...new Set(script.turns.flat().map(({ server }) => server))]
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readBody(request)
    try {
      checkAddress(request, this.#apiKey)
      this.#requests += 1
      const number = this.#requests
      const body = parseBody(text, request)
      this.#log(number, body)
      const fault = this.#options.faults?.find((one) => one.request === number)
      if (fault) {
        fail(response, fault)
        return
      }
      const events = this.#next(number, body)
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(serverSentEvents([responseCreated(`response-${number}`), ...events, responseCompleted(`response-${number}`)]))
    } catch (error) {
      if (!(error instanceof Deviation)) throw error
      this.#refuse(response, error.message)
    }
  }

  /** For what must not happen: the agent is told, and the record says so. */
  giveUp(response: ServerResponse, error: unknown): void {
    if (response.destroyed) return
    this.#refuse(response, `the scripted model failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }

  record(): ModelRecord {
    const expectedRequests = this.#script.turns.length + 1
    return {
      requests: this.#requests,
      expectedRequests,
      offeredTools: [...this.#offered],
      outputs: [...this.#outputs.values()],
      missing: [...this.#missing],
      problems: [...this.#problems],
      shortfall: this.#requests < expectedRequests
        ? `the model was asked ${this.#requests} times, the script has ${expectedRequests} answers`
        : undefined,
    }
  }

  #next(number: number, body: z.infer<typeof requestBody>): ReturnType<typeof functionCall>[] {
    const expected = this.#script.turns.length + 1
    if (number > expected) throw new Deviation(`request ${number}: the script ends after ${expected}`)
    this.#takeOutputs(number, body.input)
    const tools = readOfferedTools(body, this.#servers)
    for (const name of tools.names) this.#offered.add(name)
    const turn = this.#script.turns[number - 1]
    if (!turn) return [assistantMessage(`message-${number}`, this.#script.finalMessage ?? 'done')]
    return turn.map((call, index) => {
      const name = this.#nameOf(call, tools)
      const callId = `call-${number}-${index + 1}`
      this.#issued.set(callId, { ...call, request: number })
      return functionCall(callId, name, call.arguments)
    })
  }

  #nameOf({ server, tool }: ScriptCall, tools: OfferedTools): ToolName {
    const found = tools.find(server, tool)
    if (found) return found
    if (tools.hidden !== undefined) throw new Deviation(tools.hidden)
    this.#missing.push({ server, tool, offered: tools.names })
    if (this.#options.whenMissing === 'refuse') {
      throw new Deviation(`tool ${server}/${tool} is not offered; offered: ${tools.names.join(', ') || 'no MCP tool'}`)
    }
    return tools.guess(server, tool)
  }

  /** Every call issued so far must have its output in the conversation, and no output may be of a call never made. */
  #takeOutputs(number: number, input: readonly unknown[]): void {
    const came = new Set<string>()
    for (const item of input) {
      const parsed = outputItem.safeParse(item)
      if (!parsed.success) continue
      const { call_id: callId, output } = parsed.data
      const call = this.#issued.get(callId)
      if (!call) throw new Deviation(`request ${number}: output of a call that was never made: ${callId}`)
      if (came.has(callId)) throw new Deviation(`request ${number}: two outputs of call ${callId} (${call.server}/${call.tool})`)
      came.add(callId)
      const text = outputText(output)
      this.#outputs.set(callId, { server: call.server, tool: call.tool, callId, text, unsupported: /^unsupported (custom tool )?call\b/.test(text) })
    }
    for (const [callId, call] of this.#issued) {
      if (!came.has(callId)) {
        throw new Deviation(`request ${number}: no output of call ${callId} (${call.server}/${call.tool}, asked for in answer ${call.request})`)
      }
    }
  }

  #log(number: number, body: unknown): void {
    if (this.#options.modelLog === undefined) return
    const seen = { request: number, body }
    appendFileSync(this.#options.modelLog, `${JSON.stringify(this.#options.redactor?.refresh().value(seen) ?? seen)}\n`, { mode: 0o600 })
  }

  /** Codex stops at once at HTTP 400 and hands the sentence on in `turn.failed`. */
  #refuse(response: ServerResponse, problem: string): void {
    this.#problems.push(problem)
    if (!response.headersSent) response.writeHead(400, { 'content-type': 'application/json', connection: 'close' })
    response.end(JSON.stringify({ error: { message: `scripted model: ${problem}`, type: 'invalid_request_error', code: null } }))
  }
}

function checkAddress(request: IncomingMessage, apiKey: string): void {
  const { method = '', url = '', headers } = request
  if (url.split('?')[0] !== '/v1/responses') throw new Deviation(`${method} ${url}: only POST /v1/responses is served`)
  if (method !== 'POST') throw new Deviation(`${method} ${url}: the method must be POST`)
  if (headers.authorization === undefined) throw new Deviation(`${method} ${url}: no Authorization header`)
  if (headers.authorization !== `Bearer ${apiKey}`) throw new Deviation(`${method} ${url}: the Authorization header is not this model's bearer key`)
}

function parseBody(text: string | undefined, request: IncomingMessage): z.infer<typeof requestBody> {
  if (text === undefined) throw new Deviation(`the request body is larger than ${bodyLimit} bytes`)
  const encoding = request.headers['content-encoding']
  const encoded = encoding === undefined ? '' : ` (content-encoding: ${encoding})`
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new Deviation(`the request body is not JSON${encoded}: ${JSON.stringify(excerpt(text, 80))}`)
  }
  const body = requestBody.safeParse(json)
  if (!body.success) throw new Deviation(`the request body has no "input" list: ${excerpt(JSON.stringify(json), 80)}`)
  return body.data
}

/** The body, or undefined when it is too large; the rest is then read and dropped. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += (chunk as Buffer).length
    if (size <= bodyLimit) chunks.push(chunk as Buffer)
  }
  return size > bodyLimit ? undefined : Buffer.concat(chunks).toString('utf8')
}

function fail(response: ServerResponse, fault: ModelFault): void {
  if ('status' in fault) {
    response.writeHead(fault.status, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ error: { message: `scripted fault: HTTP ${fault.status}`, type: 'server_error', code: null } }))
    return
  }
  if ('hang' in fault && fault.hang === 'headers') return
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const events = serverSentEvents([responseCreated(`response-${fault.request}`)])
  if ('cut' in fault) response.end(events)
  else response.write(events)
}

/** A string up to 0.150, a list of text parts from 0.160 on. */
function outputText(output: unknown): string {
  if (typeof output === 'string') return output
  if (!Array.isArray(output)) return JSON.stringify(output ?? null)
  return output.map((part: unknown) => {
    const parsed = textPart.safeParse(part)
    return parsed.success ? parsed.data.text : JSON.stringify(part)
  }).join('\n')
}
