/** Where lines go, and one line at the end that is rewritten in place. */
export interface Stream {
  write(text: string): unknown
  readonly columns?: number | undefined
}

/** Prints whole lines above a status line. Without a live terminal there is no status line. */
export class Terminal {
  readonly live: boolean
  readonly #out: Stream
  #status = ''

  /** @param live whether the last line may be rewritten */
  constructor(out: Stream, live: boolean) {
    this.#out = out
    this.live = live
  }

  print(lines: readonly string[]): void {
    if (lines.length === 0) return
    const text = lines.map((line) => `${line}\n`).join('')
    this.#out.write(this.#status === '' ? text : `\r\u001B[K${text}`)
    this.#status = ''
  }

  /** Shows the line, cut to the width of the terminal: a wrapped line could not be taken back. */
  status(line: string | undefined): void {
    if (!this.live) return
    if (line === undefined) {
      this.clear()
      return
    }
    this.#status = line
    this.#out.write(`\r\u001B[K${cut(line, (this.#out.columns ?? 80) - 1)}`)
  }

  /** Takes the status line away. */
  clear(): void {
    if (this.#status !== '') this.#out.write('\r\u001B[K')
    this.#status = ''
  }
}

/** Cuts visible characters only, and closes colours that were left open. */
function cut(line: string, width: number): string {
  let visible = 0
  let result = ''
  // eslint-disable-next-line no-control-regex -- the escape character is what colours begin with
  for (const [part] of line.matchAll(/\u001B\[\d+m|./gsu)) {
    const isColour = part.startsWith('\u001B')
    if (!isColour && visible >= width) continue
    visible += isColour ? 0 : 1
    result += part
  }
  return result
}
