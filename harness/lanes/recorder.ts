import { appendFileSync } from 'node:fs'
import type { ProgressEvent } from '../record.ts'
import type { Redactor } from '../redaction/redactor.ts'

type Untimed<Event> = Event extends ProgressEvent ? Omit<Event, 'at'> : never

/** Appends what happens to `progress.ndjson`, without secrets, one whole line per write, so that a crash loses nothing. */
export class Recorder {
  readonly #file: string
  readonly #redactor: Redactor
  readonly #onAdd: (type: ProgressEvent['type']) => void

  constructor(file: string, redactor: Redactor, onAdd: (type: ProgressEvent['type']) => void = () => undefined) {
    this.#file = file
    this.#redactor = redactor
    this.#onAdd = onAdd
  }

  add(event: Untimed<ProgressEvent>): void {
    this.#onAdd(event.type)
    const { type, ...told } = event
    const line = { at: new Date().toISOString(), type, ...this.#redactor.refresh().value(told) }
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
  }
}
