import { appendFileSync } from 'node:fs'
import type { ProgressEvent } from '../record.ts'
import type { Redactor } from '../redaction/redactor.ts'

/** A note is kept up to this many characters. */
const noteLimit = 8000

type Untimed<Event> = Event extends ProgressEvent ? Omit<Event, 'at'> : never

/**
 * Appends what happens to `progress.ndjson`, without secrets, one whole line per write, so that a crash loses nothing. What
 * cannot be written is said once on stderr and tried again with the next event: a full disk is no failure of a lane.
 */
export class Recorder {
  readonly #file: string
  readonly #redactor: Redactor
  #pending = ''
  #complained = false
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
    if ('text' in line && line.text.length > noteLimit) line.text = `${line.text.slice(0, noteLimit)}... ${line.text.length - noteLimit} more characters`
    this.#pending += `${JSON.stringify(line)}\n`
    try {
      appendFileSync(this.#file, this.#pending, { mode: 0o600 })
      this.#pending = ''
    } catch (error) {
      // A part of a line may be there: what comes next begins on a new one.
      if (!this.#pending.startsWith('\n')) this.#pending = `\n${this.#pending}`
      if (!this.#complained) process.stderr.write(`\nclone-smoke: progress cannot be written, the run goes on: ${error instanceof Error ? error.message : String(error)}\n`)
      this.#complained = true
    }
  }
}
