/** A part of a text. `end` is the first character after it. */
export interface Span {
  readonly start: number
  readonly end: number
  readonly name: string
}

/** No pattern reaches further than this; a longer private key loses its first part. Characters. */
export const patternWindow = 16 * 1024

const keyHead = '-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----'
const keyFoot = '-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----'

/**
 * What is a secret by its looks. Nothing here matches a quote or a brace, so that JSON stays JSON. The name of the group
 * is what stands in its place.
 */
const looks: Readonly<Record<string, string>> = {
  sk: String.raw`\b(?<sk>sk-[\w-]{16,})`,
  github: String.raw`\b(?<github>gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,})`,
  gitlab: String.raw`\b(?<gitlab>glpat-[\w-]{20,})`,
  jwt: String.raw`\b(?<jwt>eyJ[\w-]{8,}\.eyJ[\w-]{8,}(?:\.[\w-]*)?)`,
  // Words may follow the word "bearer"; a token has a digit.
  bearer: String.raw`\b[Bb](?:earer|EARER)\s+(?<bearer>(?=[\w.~+/-]*\d)[\w.~+/-]{8,}=*)`,
  basic: String.raw`\b[Aa](?:uthorization|UTHORIZATION)\W{1,8}[Bb]asic\s+(?<basic>[\w+/-]{6,}=*)`,
  aws: String.raw`\b(?<aws>(?:AKIA|ASIA)[A-Z0-9]{16})\b`,
  npm: String.raw`\b(?<npm>npm_[A-Za-z0-9]{30,})`,
  slack: String.raw`\b(?<slack>xox[abeoprs]-[\w-]{10,})`,
  password: String.raw`:\/\/[^/\s:@"'\\{}<>[\]]*:(?<password>[^/\s@"'\\{}<>[\]]+)@`,
  key: String.raw`(?<key>${keyHead}(?:[\w+/=\s\\,:.()-]{0,${patternWindow - 128}}?${keyFoot}|(?:(?:\s|\\+[nr])*[\w+/]{20,}=*)*))`,
}

const allLooks = new RegExp(Object.values(looks).join('|'), 'g')

/** Where a text has something that looks like a secret, first to last. */
export function spansOfPatterns(text: string): Span[] {
  allLooks.lastIndex = 0
  const spans: Span[] = []
  for (let match = allLooks.exec(text); match !== null; match = allLooks.exec(text)) {
    const groups: Readonly<Record<string, string | undefined>> = match.groups ?? {}
    const [name, secret = ''] = Object.entries(groups).find(([, group]) => group !== undefined) ?? ['']
    const start = match.index + match[0].lastIndexOf(secret)
    spans.push({ start, end: start + secret.length, name: name === 'key' ? 'private key' : name })
  }
  return spans
}

/**
 * A text without what a person would call a secret at first sight: the values of options and assignments whose name is one.
 * For texts that are only read by people: it cannot tell a token from the number of tokens.
 */
export function withoutNamedValues(text: string, inItsPlace: string): string {
  return text
    .replaceAll(/\b(Bearer|Basic)\s+(?![[(])[\w.~+/=-]{6,}/gi, `$1 ${inItsPlace}`)
    .replaceAll(/(--?[\w-]*(?:token|secret|key|password|passwd|credential)[\w-]*)(=|\s+)(?![-[(])\S+/gi, `$1$2${inItsPlace}`)
    .replaceAll(/(["']?\b[\w-]*(?:token|secret|api_?key|password|passwd|credential)["']?\s*[=:]\s*)(?![[(])("[^"\n]*"|'[^'\n]*'|[^\s"',;)}]+)/gi, `$1${inItsPlace}`)
}

/** True where a private key begins and does not end. */
export const beginsKey = (line: string): boolean => new RegExp(`${keyHead}(?![^]*${keyFoot})`).test(line)
export const endsKey = (line: string): boolean => new RegExp(keyFoot).test(line)
/** The lines of a private key, whatever stands before them in each line of a log. */
export const keyLine = /[\w+/]{20,}=*|[\w+/]+={1,2}(?!\w)/g
