import { request, type ClientRequest } from 'node:http'
import { fail } from '../../harness/verdict.ts'
import { waitFor } from '../../helpers/wait-for.ts'

export interface ServerEvent {
  readonly id: number
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  /** When it came, by `performance.now()`. */
  readonly at: number
}

/** The JSON of an event; what is none has no keys, and so is what nobody waits for. */
function recordOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : {}
  } catch {
    return {}
  }
}

/** A reader of an SSE stream; close it before the daemon is stopped. */
export class EventStream {
  readonly events: ServerEvent[] = []
  status = 0
  contentType = ''
  text = ''
  #rest = ''
  readonly #call: ClientRequest
  #ended = false

  constructor(port: number, query = '', headers: Readonly<Record<string, string>> = {}) {
    this.#call = request({ host: '127.0.0.1', port, path: `/api/v1/events${query}`, agent: false, headers: { accept: 'text/event-stream', ...headers } }, (response) => {
      this.status = response.statusCode ?? 0
      this.contentType = String(response.headers['content-type'])
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => { this.#take(chunk) }).once('end', () => { this.#ended = true }).once('error', () => { this.#ended = true })
    })
    this.#call.once('error', () => { this.#ended = true })
    this.#call.end()
  }

  #take(chunk: string): void {
    this.text += chunk
    const blocks = (this.#rest + chunk).split('\n\n')
    this.#rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const field = (name: string): string => block.split('\n').filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trim()).join('\n')
      if (field('data') !== '') this.events.push({ id: Number(field('id')), type: field('event'), data: recordOf(field('data')), at: performance.now() })
    }
  }

  /** Waits until it has what `enough` says; whether that came. Milliseconds: 10000. */
  async until(enough: (events: readonly ServerEvent[]) => boolean, deadlineMs = 10_000): Promise<boolean> {
    return waitFor(() => enough(this.events) || this.#ended ? true : undefined, { deadlineMs, otherwise: () => new Error('not enough') }).then(() => enough(this.events), () => false)
  }

  /** Waits until it has answered. */
  async open(): Promise<void> {
    await waitFor(() => this.status !== 0 || this.#ended ? true : undefined, { deadlineMs: 15_000, otherwise: () => fail('check-failed', 'the event stream did not open within 15 s') })
  }

  close(): void {
    this.#call.destroy()
  }
}
