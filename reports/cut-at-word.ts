/** A text of at most so many characters (UTF-16 units): cut between words where one ends in its second half, with an ellipsis. */
export function cutAtWord(text: string, limit: number): string {
  if (text.length <= limit) return text
  const room = text.slice(0, limit - 2)
  const word = /^[^]*(?=\s)/.exec(room)?.[0] ?? ''
  // Half of a character of two units would be none.
  const cut = word.length > limit / 2 ? word.trimEnd() : room.replace(/[\uD800-\uDBFF]$/, '')
  return `${cut} …`
}
