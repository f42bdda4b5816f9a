import { existsSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseEnv } from 'node:util'
import { wordsOfRecords } from '../record.ts'

/** A value that must not be written down, and what stands in its place: `[redacted NAME]`. */
export interface Secret {
  readonly name: string
  readonly value: string
}

/** Shorter values are too common to be hidden wherever they stand. Characters. */
export const shortestSecret = 8
/** Up to this length, words in lower case are words: `required`, `bundle-tools`. Characters. */
const longestWords = 15

/** True for the name of a variable or option whose value is never shown; an AUTHOR is no AUTH. */
export function isSecretName(name: string): boolean {
  return /TOKEN|SECRET|KEY|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|COOKIE|AUTHORI[SZ]ATION|AUTH(?!OR)|(?:^|_)PASS(?:_|$)/i.test(name)
}

/** False for what is no secret whatever its name is: words, small numbers, dates, paths in a directory that is there or below `root`. */
export function isSecretValue(value: string, root?: string): boolean {
  if (value.trim().length < shortestSecret || /^\d{1,9}$/.test(value)) return false
  if (value.length <= longestWords && /^[a-z]+([ _-][a-z]+)*$/.test(value)) return false
  if (timestamp.test(value) || wordsOfRecords().has(value)) return false
  return !(root !== undefined && value.startsWith(root)) && !isPath(value)
}

/** What is not there yet, but may be made where it says. */
const isPath = (value: string): boolean => value.startsWith('/') && !value.includes('\0') && (existsSync(value) || (dirname(value) !== '/' && existsSync(dirname(value))))

/** The secrets among variables: by their names, and passwords in addresses whatever the name. */
export function secretsIn(variables: Iterable<readonly [string, string | undefined]>, root?: string): Secret[] {
  return [...variables].flatMap(([name, value = '']) => {
    const password = passwordIn(value)
    return [
      ...(isSecretName(name) && isSecretValue(value, root) ? [{ name, value }] : []),
      ...(password !== undefined && password.length >= shortestSecret ? [{ name: `password in ${name}`, value: password }] : []),
    ]
  })
}

function passwordIn(value: string): string | undefined {
  const found = /^[\w+.-]+:\/\/[^/\s:@]*:([^/\s@]+)@/.exec(value)?.[1]
  try {
    return found === undefined ? undefined : decodeURIComponent(found)
  } catch {
    return found
  }
}

/** The secrets in a file of `NAME=value` lines; none where it cannot be read. */
export function secretsInEnvironmentFile(file: string, root?: string): Secret[] {
  return secretsIn(Object.entries(parseEnv(readText(file))), root)
}

/** As JSON has it: `2026-11-21T00:00:00.000Z`. */
const timestamp = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?$/
/** A word of a login's own: `chatgpt`, `access-token`. */
const words = new RegExp(`^(?=.{0,${longestWords}}$)[a-z]+(?:[ _-][a-z]+)*$`)

/** Every text of at least eight characters in a JSON file that holds nothing but a login, such as an agent's auth.json; no word and no time. */
export function secretsInLogin(file: string, shown: string): Secret[] {
  const found: Secret[] = []
  const collect = (value: unknown, key: string): void => {
    if (typeof value === 'string' && value.trim().length >= shortestSecret && !timestamp.test(value) && !words.test(value)) found.push({ name: `${shown} ${key}`, value })
    else if (typeof value === 'object' && value !== null) for (const [name, inner] of Object.entries(value)) collect(inner, name)
  }
  try {
    collect(JSON.parse(readText(file)), '')
  } catch {
    // It is no JSON: nothing in it is known to be a secret.
  }
  return found
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
