import { formsOf } from './forms.ts'
import { NeedleSearch, type Needle } from './needles.ts'
import { beginsKey, endsKey, keyLine, patternWindow, spansOfPatterns, withoutNamedValues, type Span } from './patterns.ts'
import { secretsIn, shortestSecret, type Secret } from './secrets.ts'

/** What stands in the place of a secret: no quote, no backslash, so that JSON stays JSON. */
export const placeholder = (name: string): string => `[redacted ${name.replaceAll(/[^\w. -]/g, '_')}]`

interface Compiled {
  readonly characters: NeedleSearch
  readonly bytes: NeedleSearch
  /** Length of the longest needle. */
  readonly longest: number
}

/** A private key that does not end has ended after so many lines. */
const mostKeyLines = 120

/**
 * Takes secrets out of what is about to be written: known values in all forms in which programs write them, and what looks
 * like a token. One for a whole process; what it learns on the way counts from then on.
 */
export class Redactor {
  readonly #look: () => Iterable<Secret>
  readonly #root: string | undefined
  /** By value: the first name wins. */
  readonly #secrets = new Map<string, string>()
  #compiled: Compiled | undefined

  /**
   * @param about.root a workspace: paths that begin with it are no secrets, whatever their variable is called
   * @param about.look where secrets turn up while the run goes on; asked at each `refresh`
   */
  constructor(about: { readonly root?: string; readonly look?: () => Iterable<Secret> } = {}) {
    this.#root = about.root
    this.#look = about.look ?? ((): Secret[] => [])
  }

  learn(secrets: Iterable<Secret>): this {
    // A newline at its end is of the file that it came from, and seldom said.
    for (const { name, value } of [...secrets].flatMap((one) => [one, { ...one, value: one.value.trim() }])) {
      if (value.length < shortestSecret || this.#secrets.has(value)) continue
      this.#secrets.set(value, name)
      this.#compiled = undefined
    }
    return this
  }

  /** Learns the secrets among the variables of an environment. */
  learnFrom(environment: Readonly<Record<string, string | undefined>>): this {
    return this.learn(secretsIn(Object.entries(environment), this.#root))
  }

  /** Looks whether there are new secrets. Never throws. */
  refresh(): this {
    try {
      return this.learn(this.#look())
    } catch {
      return this
    }
  }

  /** A text without its secrets. It may not begin or end inside one: half of a short secret is not known. */
  text(text: string): string {
    return replaced(text, this.#spansIn(text, 'characters'))
  }

  /** A text for people alone: without the values of options and assignments that have the name of a secret, too. */
  strictText(text: string): string {
    return withoutNamedValues(this.text(text), '[redacted]')
  }

  /** A line without its secrets; where it was JSON, it still is. */
  line(line: string): string {
    const shown = this.text(line)
    if (shown === line || !/^\s*[[{]/.test(line)) return shown
    const before = parsed(line)
    return before === undefined || parsed(shown) !== undefined ? shown : JSON.stringify(this.value(before.value))
  }

  /** A copy of plain data without the secrets in its texts and keys. */
  value<T>(value: T): T {
    return this.#deep(value) as T
  }

  /** The lines of one stream, where a private key may go over several of them. */
  lines(): (line: string) => string {
    let keyLines = 0
    return (line) => {
      if (keyLines > 0) {
        keyLines = endsKey(line) ? 0 : keyLines - 1
        return this.text(line.replaceAll(keyLine, placeholder('private key')))
      }
      if (line.includes('PRIVATE KEY') && beginsKey(line)) keyLines = mostKeyLines
      return this.line(line)
    }
  }

  /**
   * Cuts a text that goes on near its end, and never in a secret. Of one that is too long to be held, `rest` has the
   * beginning and the end: it stands for the whole.
   */
  cut(text: string): { readonly done: string; readonly rest: string } {
    return this.#cut(text, this.#spansIn(text, 'characters'))
  }

  /** For a file that is read in pieces, wherever they are cut. Bytes that belong to no secret stay as they are. */
  bytes(): { push(piece: Buffer): Buffer; end(): Buffer; readonly found: boolean } {
    let rest = ''
    let found = false
    const take = (isEnd: boolean): Buffer => {
      const hold = Math.max(this.#compile().longest, patternWindow)
      if (!isEnd && rest.length < 2 * hold) return Buffer.alloc(0)
      const spans = this.#spansIn(rest, 'bytes')
      found ||= spans.length > 0
      const { done, rest: next } = isEnd ? { done: rest, rest: '' } : this.#cut(rest, spans)
      rest = next
      return Buffer.from(replaced(done, spans.filter(({ end }) => end <= done.length)), 'latin1')
    }
    return {
      push: (piece) => {
        rest += piece.toString('latin1')
        return take(false)
      },
      end: () => take(true),
      get found() { return found },
    }
  }

  #cut(text: string, spans: readonly Span[]): { readonly done: string; readonly rest: string } {
    const hold = Math.max(this.#compile().longest, patternWindow)
    const cut = Math.max(0, text.length - hold)
    const across = spans.find(({ start, end, from = start, to = end }) => from < cut && to > cut)
    const at = across?.from ?? across?.start ?? cut
    const rest = text.slice(at)
    const length = (across?.to ?? across?.end ?? at) - at
    // What is longer than all that is held was found by its beginning.
    return { done: text.slice(0, at), rest: length <= 2 * hold ? rest : rest.slice(0, hold) + rest.slice(length - 1) }
  }

  #spansIn(text: string, kind: 'characters' | 'bytes'): Span[] {
    return merged([...this.#compile()[kind].spansIn(text), ...spansOfPatterns(text)])
  }

  #compile(): Compiled {
    if (this.#compiled) return this.#compiled
    const needles = [...this.#secrets].flatMap(([value, name]): Needle[] => formsOf(value).map((text) => ({ name, text })))
    const bytes = needles.map(({ name, text }) => ({ name, text: Buffer.from(text).toString('latin1') }))
    return this.#compiled = {
      characters: new NeedleSearch(needles), bytes: new NeedleSearch(bytes), longest: Math.max(0, ...bytes.map(({ text }) => text.length)),
    }
  }

  #deep(value: unknown): unknown {
    if (typeof value === 'string') return this.text(value)
    if (typeof value === 'number') {
      const shown = this.text(String(value))
      return shown === String(value) ? value : shown
    }
    if (Array.isArray(value)) return value.map((one) => this.#deep(one))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [this.text(key), this.#deep(one)]))
  }
}

function replaced(text: string, spans: readonly Span[]): string {
  if (spans.length === 0) return text
  let shown = ''
  let from = 0
  for (const { start, end, name } of spans) {
    shown += text.slice(from, start) + placeholder(name)
    from = end
  }
  return shown + text.slice(from)
}

/** Spans that overlap are one, with the name of the first. */
function merged(spans: Span[]): Span[] {
  if (spans.length < 2) return spans
  const all: Span[] = []
  for (const span of spans.sort((a, b) => a.start - b.start || b.end - a.end)) {
    const last = all.at(-1)
    if (last && span.start < last.end) {
      all[all.length - 1] = {
        ...last, end: Math.max(last.end, span.end),
        from: Math.min(last.from ?? last.start, span.from ?? span.start), to: Math.max(last.to ?? last.end, span.to ?? span.end),
      }
    }
    else all.push(span)
  }
  return all
}

function parsed(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}
