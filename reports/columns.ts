import stringWidth from 'string-width'
import wrapAnsi from 'wrap-ansi'

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })

/** A text on one line that takes at most so many columns of a terminal; wide characters take two. It must hold no terminal codes. */
export function cutToColumns(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text
  let cut = ''
  let width = 0
  for (const { segment } of graphemes.segment(text)) {
    width += stringWidth(segment)
    if (width >= columns) break
    cut += segment
  }
  return columns > 0 ? `${cut}…` : ''
}

/** How many columns of a terminal a text takes. */
export const columnsOf = (text: string): number => stringWidth(text)

/** A text padded with spaces to so many columns. */
export const padToColumns = (text: string, columns: number): string => text + ' '.repeat(Math.max(0, columns - stringWidth(text)))

/**
 * Lines of at most so many columns, cut between words; all but the first are indented like what stands before it.
 * @param before stands before the text on the first line
 */
export function wrapped(before: string, text: string, columns: number): string[] {
  const indent = stringWidth(before)
  const room = Math.max(20, columns - indent)
  const lines = text.split('\n').flatMap((line) => wrapAnsi(line, room, { hard: false, trim: true }).split('\n'))
  return lines.map((line, index) => (index === 0 ? before : ' '.repeat(indent)) + line)
}
