import { appendFileSync } from 'node:fs'
import type { ProgressEvent } from '../record.ts'

type Untimed<Event> = Event extends ProgressEvent ? Omit<Event, 'at'> : never

/** Appends what happens to `progress.ndjson`, one whole line per write, so that a crash loses nothing. */
export class Recorder {
  readonly #file: string
  readonly #onAdd: (type: ProgressEvent['type']) => void

  constructor(file: string, onAdd: (type: ProgressEvent['type']) => void = () => undefined) {
    this.#file = file
    this.#onAdd = onAdd
  }

  add(event: Untimed<ProgressEvent>): void {
    this.#onAdd(event.type)
    appendFileSync(this.#file, `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`, { mode: 0o600 })
  }
}
