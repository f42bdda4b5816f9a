import type { Span } from './patterns.ts'

/** A text to be found, and the name of what it stands for. */
export interface Needle {
  readonly name: string
  readonly text: string
}

/** The window of the search: no needle is shorter. Characters. */
const window = 8
const block = 3
/** From this length on, half of a needle counts as the needle: messages are cut before they get here. Characters. */
const longEnoughToHalve = 24
/** What shares so much with a needle is the needle; so no place of a text costs more. Characters. */
const longestNeeded = 2048
/** Another needle may begin so far before the end of one that was found. Characters. */
const overlap = 256

const tableSize = 1 << 16

/**
 * Finds any of many texts at once, by Wu and Manber's method ("A fast algorithm for multi-pattern searching", 1994): the
 * last three characters of a window of eight say how far the window may go on. Ten times as fast as a RegExp of
 * alternatives, thirty times as fast as the automata of Aho and Corasick that are to be had from npm.
 */
export class NeedleSearch {
  readonly #shift = new Uint8Array(tableSize).fill(window - block + 1)
  readonly #byBlock = new Map<number, Needle[]>()
  readonly #empty: boolean

  constructor(needles: Iterable<Needle>) {
    for (const needle of needles) {
      if (needle.text.length < window) continue
      for (let at = 0; at <= window - block; at += 1) {
        const hash = hashAt(needle.text, at)
        this.#shift[hash] = Math.min(this.#shift[hash] ?? 0, window - block - at)
      }
      const last = hashAt(needle.text, window - block)
      const bucket = this.#byBlock.get(last)
      if (bucket) bucket.push(needle)
      else this.#byBlock.set(last, [needle])
    }
    this.#empty = this.#byBlock.size === 0
  }

  /** Where the text has needles, first to last; they may overlap. */
  spansIn(text: string): Span[] {
    const spans: Span[] = []
    if (this.#empty) return spans
    for (let at = 0; at <= text.length - window;) {
      const hash = hashAt(text, at + window - block)
      const shift = this.#shift[hash] ?? 1
      if (shift > 0) {
        at += shift
        continue
      }
      let best: Span | undefined
      for (const { name, text: needle } of this.#byBlock.get(hash) ?? []) {
        const length = sharedLength(text, at, needle)
        if (length >= lengthNeeded(needle) && at + length > (best?.end ?? 0)) best = { start: at, end: at + length, name }
      }
      if (best) spans.push(best)
      at = Math.max(at + 1, (best?.end ?? 0) - overlap)
    }
    return spans
  }
}

const lengthNeeded = (needle: string): number =>
  Math.min(longestNeeded, needle.length < longEnoughToHalve || needle.includes('://') ? needle.length : Math.ceil(needle.length / 2))

function sharedLength(text: string, at: number, needle: string): number {
  let length = 0
  while (length < needle.length && text.charCodeAt(at + length) === needle.charCodeAt(length)) length += 1
  return length
}

function hashAt(text: string, at: number): number {
  return (text.charCodeAt(at) ^ (text.charCodeAt(at + 1) << 5) ^ (text.charCodeAt(at + 2) << 10)) & (tableSize - 1)
}
