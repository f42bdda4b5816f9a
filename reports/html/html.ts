import { xmlText } from '../xml-text.ts'

/** Markup that may be written as it is. Only `html` and `ours` make it. */
export class Html {
  readonly markup: string

  constructor(markup: string) {
    this.markup = markup
  }
}

type Value = Html | string | number | undefined | false | readonly Value[]

/** Markup from a template; every value that is not markup itself is escaped. */
export const html = (strings: TemplateStringsArray, ...values: readonly Value[]): Html =>
  new Html(strings.reduce((text, part, index) => text + markupOf(values[index - 1]) + part))

/** Text of this folder's own, like the style sheet. Never what a program wrote. */
export const ours = (text: string): Html => new Html(text)

function markupOf(value: Value): string {
  if (value instanceof Html) return value.markup
  if (value === undefined || value === false) return ''
  if (typeof value === 'string' || typeof value === 'number') return escape(String(value))
  return value.map(markupOf).join('')
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/**
 * Text as it may stand anywhere in a page, attributes too: no terminal codes, and every character that is not seen or
 * that turns the direction of what follows is written as `\xNN`.
 */
export const escape = (text: string): string => visible(text).replaceAll(/[&<>"']/g, (character) => entities[character] ?? '')

export const visible = (text: string): string => xmlText(text)
  .replaceAll(/[\u007F-\u009F\u200B\u200E\u200F\u202A-\u202E\u2060\u2066-\u2069\uFEFF]/g, (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`)
