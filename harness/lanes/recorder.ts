import { appendFileSync } from 'node:fs'
import type { ProgressEvent } from '../record.ts'

type Untimed<Event> = Event extends ProgressEvent ? Omit<Event, 'at'> : never

/** Appends what happens to `progress.ndjson`, one whole line per write, so that a crash loses nothing. */
export class Recorder {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  add(event: Untimed<ProgressEvent>): void {
    appendFileSync(this.#file, `${JSON.stringify({ at: new Date().toISOString(), ...event })}\n`, { mode: 0o600 })
  }
}
