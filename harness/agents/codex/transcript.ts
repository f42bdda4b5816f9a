import { z } from 'zod'
import type { ObservedCall } from '../agent.ts'

/** What a Codex JSONL stream says, whatever version wrote it. */
export interface Transcript {
  /** MCP calls in the order they began. */
  readonly calls: readonly ObservedCall[]
  readonly messages: readonly string[]
  /** Messages, and calls by their index, in the order they came. */
  readonly conversation: readonly (string | number)[]
  /** Items of type `error`: Codex goes on after them. */
  readonly warnings: readonly string[]
  /** Top-level `error` events; a reconnect writes them too, only `turn.failed` is final. */
  readonly errors: readonly string[]
  /** How far the turn came. */
  readonly turn: 'none' | 'started' | 'completed' | 'failed'
  /** The message of `turn.failed`. */
  readonly failure: string | undefined
  /** Token counts by Codex's own names, summed over the turns. */
  readonly usage: Readonly<Record<string, number>>
  /** Events that were understood, known or not. */
  readonly events: number
  /** Event and item types that this parser does not know, with how often they came. */
  readonly unknown: Readonly<Record<string, number>>
  /** Lines that are no event. Line numbers count from 1. */
  readonly unparsed: readonly { readonly line: number; readonly text: string }[]
  /** The last line, when it is the beginning of an event that never came whole. */
  readonly cutLine: { readonly line: number; readonly text: string } | undefined
  /** The last event, for messages, e.g. `item.started mcp_tool_call probe/ok (line 4)`. */
  readonly lastEvent: string | undefined
}

const message = z.looseObject({ message: z.string() })
const anyEvent = z.looseObject({ type: z.string() })
const anyItem = z.looseObject({ type: z.string() })

const events = {
  'turn.completed': z.looseObject({ usage: z.record(z.string(), z.unknown()).nullish() }),
  'turn.failed': z.looseObject({ error: message }),
  error: message,
} as const

/** 0.50 wrote neither arguments nor result nor error. */
const mcpCall = z.looseObject({
  id: z.string(),
  server: z.string(),
  tool: z.string(),
  arguments: z.unknown().optional(),
  result: z.unknown().optional(),
  error: message.nullish(),
  status: z.enum(['in_progress', 'completed', 'failed']),
})
const text = z.looseObject({ text: z.string() })

/** Item types that carry nothing a stage is judged by. */
const otherItems = new Set(['command_execution', 'reasoning', 'file_change', 'todo_list', 'web_search', 'collab_tool_call'])

interface OpenCall {
  readonly id: string
  ended: boolean
  observed: ObservedCall
}

/** Reads a transcript line by line as it arrives. Never throws; what it does not understand it keeps and counts. */
export class TranscriptReader {
  readonly #calls: OpenCall[] = []
  readonly #messages: string[] = []
  readonly #conversation: (string | number)[] = []
  readonly #warnings: string[] = []
  readonly #errors: string[] = []
  readonly #usage: Record<string, number> = {}
  readonly #unknown: Record<string, number> = {}
  readonly #unparsed: { line: number; text: string }[] = []
  #turn: Transcript['turn'] = 'none'
  #failure: string | undefined
  #lastEvent: string | undefined
  #events = 0
  #line = 0

  /** Takes one line without its line end; empty lines are counted, but mean nothing. */
  push(line: string): void {
    this.#line += 1
    if (line.trim() === '') return
    const event = anyEvent.safeParse(parseJson(line))
    const name = event.success ? this.#takeEvent(event.data) : undefined
    if (name === undefined) {
      this.#unparsed.push({ line: this.#line, text: line })
      return
    }
    this.#events += 1
    this.#lastEvent = `${name} (line ${this.#line})`
  }

  /** What was read so far. Calls that never completed are `abandoned`. */
  read(): Transcript {
    const last = this.#unparsed.at(-1)
    const cutLine = last?.line === this.#line && last.text.startsWith('{') && parseJson(last.text) === undefined ? last : undefined
    return {
      calls: this.#calls.map(({ observed }) => observed),
      messages: [...this.#messages],
      conversation: [...this.#conversation],
      warnings: [...this.#warnings],
      errors: [...this.#errors],
      turn: this.#turn,
      failure: this.#failure,
      usage: { ...this.#usage },
      events: this.#events,
      unknown: { ...this.#unknown },
      unparsed: this.#unparsed.filter((line) => line !== cutLine),
      cutLine,
      lastEvent: this.#lastEvent,
    }
  }

  /** The event's name for messages; undefined when a known event lacks what it must have. */
  #takeEvent(event: z.infer<typeof anyEvent>): string | undefined {
    const { type } = event
    switch (type) {
      case 'thread.started':
        break
      case 'turn.started':
        this.#turn = 'started'
        break
      case 'turn.completed': {
        const completed = events[type].safeParse(event)
        if (!completed.success) return undefined
        this.#turn = 'completed'
        for (const [name, count] of Object.entries(completed.data.usage ?? {})) {
          if (typeof count === 'number') this.#usage[name] = (this.#usage[name] ?? 0) + count
        }
        break
      }
      case 'turn.failed': {
        const failed = events[type].safeParse(event)
        if (!failed.success) return undefined
        this.#turn = 'failed'
        this.#failure = failed.data.error.message
        break
      }
      case 'error': {
        const error = events[type].safeParse(event)
        if (!error.success) return undefined
        this.#errors.push(error.data.message)
        break
      }
      case 'item.started':
      case 'item.updated':
      case 'item.completed': {
        const item = anyItem.safeParse(event.item)
        const name = item.success ? this.#takeItem(item.data, type === 'item.completed') : undefined
        return name === undefined ? undefined : `${type} ${name}`
      }
      default:
        this.#countUnknown(type)
    }
    return type
  }

  #takeItem(item: z.infer<typeof anyItem>, completed: boolean): string | undefined {
    switch (item.type) {
      case 'mcp_tool_call': {
        const call = mcpCall.safeParse(item)
        if (!call.success) return undefined
        this.#takeCall(call.data, completed)
        return `mcp_tool_call ${call.data.server}/${call.data.tool}`
      }
      case 'agent_message': {
        const spoken = text.safeParse(item)
        if (!spoken.success) return undefined
        if (completed) {
          this.#messages.push(spoken.data.text)
          this.#conversation.push(spoken.data.text)
        }
        break
      }
      case 'error': {
        const warning = message.safeParse(item)
        if (!warning.success) return undefined
        if (completed) this.#warnings.push(warning.data.message)
        break
      }
      default:
        if (!otherItems.has(item.type)) this.#countUnknown(`item ${item.type}`)
    }
    return item.type
  }

  #takeCall(call: z.infer<typeof mcpCall>, completed: boolean): void {
    const ended = completed && call.status !== 'in_progress'
    const known = this.#calls.find(({ id, ended }) => id === call.id && !ended)
    const result = call.result ?? undefined
    const observed: ObservedCall = {
      server: call.server,
      tool: call.tool,
      arguments: call.arguments ?? known?.observed.arguments,
      status: ended && call.status !== 'in_progress' ? call.status : 'abandoned',
      ...(result !== undefined && { result }),
      ...(call.error && { error: call.error.message }),
    }
    if (known) {
      known.ended = ended
      known.observed = observed
    } else {
      this.#conversation.push(this.#calls.push({ id: call.id, ended, observed }) - 1)
    }
  }

  #countUnknown(type: string): void {
    this.#unknown[type] = (this.#unknown[type] ?? 0) + 1
  }
}

/** Reads a whole transcript. Never throws. */
export function parseTranscript(jsonl: string): Transcript {
  const reader = new TranscriptReader()
  const lines = jsonl.split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const line of lines) reader.push(line)
  return reader.read()
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
