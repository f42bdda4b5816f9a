/** Server-sent events of the Responses API, as far as an agent needs them. */

/** One event; `type` names it. */
export interface ResponseEvent {
  readonly type: string
  readonly [key: string]: unknown
}

/** How a tool is named in a call: flat, or inside a namespace. */
export interface ToolName {
  readonly namespace?: string
  readonly name: string
}

export const responseCreated = (id: string): ResponseEvent => ({ type: 'response.created', response: { id } })

export const functionCall = (callId: string, tool: ToolName, args: unknown): ResponseEvent => ({
  type: 'response.output_item.done',
  item: { type: 'function_call', call_id: callId, ...tool, arguments: JSON.stringify(args) },
})

export const assistantMessage = (id: string, text: string): ResponseEvent => ({
  type: 'response.output_item.done',
  item: { type: 'message', role: 'assistant', id, content: [{ type: 'output_text', text }] },
})

/** The counts are made up, but not zero: a lost usage record shows. */
export const responseCompleted = (id: string): ResponseEvent => ({
  type: 'response.completed',
  response: {
    id,
    usage: { input_tokens: 10, input_tokens_details: { cached_tokens: 0 }, output_tokens: 5, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 15 },
  },
})

/** The text of events on the wire. */
export const serverSentEvents = (events: readonly ResponseEvent[]): string =>
  events.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join('')
