/** A part of a text. `end` is the first character after it. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly name: string
  /** What it was known by, such as the word before it; where it is more than the span itself. */
  readonly from?: number
  readonly to?: number
}

/** No pattern reaches further than this; a longer private key loses its first part. Characters. */
export const patternWindow = 16 * 1024

const keyHead = '-----BEGIN [A-Z ]{0,64}PRIVATE KEY(?: BLOCK)?-----'
const keyFoot = '-----END [A-Z ]{0,64}PRIVATE KEY(?: BLOCK)?-----'

/** No quantifier goes further: V8 keeps its way back on a stack of about 4 MB. What is longer is followed by `runEnd`. Characters. */
const most = 8192

/** Not in a word: after none of its letters, or after an escape of JSON, of a URL or of a terminal, which end in letters. */
const apart = String.raw`(?:(?<![A-Za-z\d])|(?<=\\[bfnrtv]|\\u[\da-fA-F]{4}|%[\da-fA-F]{2}|\[[\d;:?]{0,32}[A-Za-z]))`

/**
 * What is a secret by its looks. Nothing here matches a quote or a brace, so that JSON stays JSON. The name of the group
 * is what stands in its place. Each takes time in proportion to the text, whatever the text is.
 */
const looks: Readonly<Record<string, string>> = {
  sk: String.raw`(?=sk-)${apart}(?<sk>sk-[\w-]{16,${most}})`,
  github: String.raw`(?<github>gh[pousr]_[A-Za-z0-9]{20,${most}}|github_pat_\w{20,${most}})`,
  gitlab: String.raw`(?<gitlab>glpat-[\w-]{20,${most}})`,
  // From its first dot: words that begin like a token are many, and each would be followed to its end.
  jwt: String.raw`(?=\.eyJ)(?<=(?<head>eyJ[\w-]{8,${most}}))(?<jwt>\.eyJ[\w-]{8,${most}}(?:\.[\w-]{0,${most}})?)`,
  // Words may follow the word "bearer"; a token has a digit.
  bearer: String.raw`[Bb](?:earer|EARER)\s{1,32}(?<bearer>(?=[\w.~+/-]{0,${most}}\d)[\w.~+/-]{8,${most}}={0,8})`,
  basic: String.raw`[Aa](?:uthorization|UTHORIZATION)\W{1,8}[Bb]asic\s{1,32}(?<basic>[\w+/-]{6,${most}}={0,8})`,
  aws: String.raw`(?=A)${apart}(?<aws>(?:AKIA|ASIA)[A-Z0-9]{16})(?![A-Za-z0-9])`,
  npm: String.raw`(?<npm>npm_[A-Za-z0-9]{30,${most}})`,
  slack: String.raw`(?<slack>xox[abeoprs]-[\w-]{10,${most}})`,
  password: String.raw`:\/\/[^/\s:@"'\\{}<>[\]]{0,${most}}:(?<password>[^/\s@"'\\{}<>[\]]{1,${most}})@`,
  key: String.raw`(?<key>${keyHead}(?:(?:(?!-----BEGIN )[\w+/=\s\\,:.()-]){0,${patternWindow - 256}}?${keyFoot}|(?:(?:\s|\\{1,8}[nr]){0,32}[\w+/]{20,${most}}={0,2}){0,${patternWindow / 64}}))`,
}

const allLooks = new RegExp(Object.values(looks).join('|'), 'g')
/** What goes on with a token that is longer than a pattern may be. */
const tokenGoesOn = /[\w.~+/=-]{1,4096}/y

/** The end of what goes on from there, however long it is. */
function runEnd(text: string, from: number, goesOn: RegExp): number {
  for (let end = from; ; end = goesOn.lastIndex) {
    goesOn.lastIndex = end
    if (!goesOn.test(text)) return end
  }
}

/** Where a text has something that looks like a secret, first to last. */
export function spansOfPatterns(text: string): Span[] {
  allLooks.lastIndex = 0
  const spans: Span[] = []
  for (let match = allLooks.exec(text); match !== null; match = allLooks.exec(text)) {
    const groups: Readonly<Record<string, string | undefined>> = match.groups ?? {}
    const [name, secret = ''] = Object.entries(groups).find(([group, found]) => group !== 'head' && found !== undefined) ?? ['']
    const at = match.index + match[0].lastIndexOf(secret)
    const start = at - (match.groups?.head?.length ?? 0)
    const found = at + secret.length
    const end = secret.length < most ? found : runEnd(text, found, tokenGoesOn)
    spans.push({ start, end, name: name === 'key' ? 'private key' : name, from: Math.min(start, match.index), to: Math.max(end, match.index + match[0].length) })
    allLooks.lastIndex = Math.max(allLooks.lastIndex, end)
  }
  return spans
}

/**
 * A text without what a person would call a secret at first sight: the values of options and assignments whose name is one.
 * For texts that are only read by people: it cannot tell a token from the number of tokens.
 */
export function withoutNamedValues(text: string, inItsPlace: string): string {
  return named.reduce((shown, pattern) => withoutValues(shown, pattern, inItsPlace), text)
}

/** Each begins at what stands right before the value and only there looks back for the name: so a text is read once, whatever it is. */
const named = [
  new RegExp(String.raw`(?:Bearer|Basic)\s{1,32}(?![[(])(?<value>[\w.~+/=-]{6,${most}})`, 'gi'),
  new RegExp(String.raw`(?=[=\s])(?<=(?<option>-[\w-]{1,256}))(?:=|\s{1,32})(?![-[(])(?<value>\S{1,${most}})`, 'gi'),
  new RegExp(String.raw`(?=[=:])(?<=(?:token|secret|api_?key|password|passwd|credential)["']?\s{0,32})[=:]\s{0,32}(?![[(])(?<value>"[^"\n]{0,${most}}"?|'[^'\n]{0,${most}}'?|[^\s"',;)}]{1,${most}})`, 'gi'),
]
const optionName = /token|secret|key|password|passwd|credential/i
const valueGoesOn = { '"': /[^"\n]{1,4096}/y, "'": /[^'\n]{1,4096}/y }
const wordGoesOn = /[^\s"',;)}]{1,4096}/y

function withoutValues(text: string, pattern: RegExp, inItsPlace: string): string {
  let shown = ''
  let from = 0
  pattern.lastIndex = 0
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) {
    const { option, value = '' } = match.groups ?? {}
    if (option !== undefined && !optionName.test(option)) continue
    const found = match.index + match[0].length
    const quote = value.startsWith('"') ? '"' : value.startsWith("'") ? "'" : undefined
    const end = value.length < most ? found : runEnd(text, found, quote === undefined ? wordGoesOn : valueGoesOn[quote])
    shown += text.slice(from, found - value.length) + inItsPlace
    from = end
    pattern.lastIndex = end
  }
  return shown + text.slice(from)
}

const heads = new RegExp(keyHead, 'g')
const foot = new RegExp(keyFoot)

/** True where a private key begins and does not end. */
export function beginsKey(line: string): boolean {
  const last = [...line.matchAll(heads)].at(-1)
  return last !== undefined && !foot.test(line.slice(last.index))
}
export const endsKey = (line: string): boolean => foot.test(line)
/** The lines of a private key, whatever stands before them in each line of a log. */
export const keyLine = /[\w+/]{20,4096}={0,2}|(?<=[\w+/]{20})[\w+/]{1,19}={0,2}|[\w+/]{1,19}={1,2}(?!\w)/g
