import { redactorOfThisProcess } from './of-this-process.ts'

/**
 * The beginning of a text, for a message. Secrets are taken out before the cut: half of one would not be known any more.
 * @param length in characters
 */
export function excerpt(text: string, length: number): string {
  return redactorOfThisProcess().text(text).slice(0, length)
}

/** The end of a text; as `excerpt`. */
export function excerptOfEnd(text: string, length: number): string {
  return redactorOfThisProcess().text(text).slice(-length)
}
