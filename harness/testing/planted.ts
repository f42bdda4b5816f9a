import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { ChildRun } from './child-run.ts'

/** The ways to say a secret, written on purpose without the redactor's own list of them. */
function waysToSay(secret: string): string[] {
  const core = (before: string, encoding: BufferEncoding): string => Buffer.from(`${before}${secret}`).toString(encoding).slice(before === '' ? 0 : before.length + 1).replace(/.{2}=*$/, '')
  return [
    secret, JSON.stringify(secret).slice(1, -1), JSON.stringify(JSON.stringify(secret)).slice(3, -3), encodeURIComponent(secret),
    ...['', 'x', 'xy'].flatMap((before) => [core(before, 'base64'), core(before, 'base64url')]),
  ]
}

export const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)).filter((file) => statSync(file).isFile())

/** Texts by name: all that a run has printed, and every file of its results. */
export function keptBy(run: ChildRun): Record<string, string> {
  const files = filesBelow(run.results)
  return { 'the terminal': run.output(), ...Object.fromEntries(files.map((file) => [file.slice(run.results.length), readFileSync(file, 'utf8')])) }
}

/** Where texts hold one of the secrets, in whatever form; empty means nowhere. */
export function leaksIn(texts: Readonly<Record<string, string>>, secrets: readonly string[]): string[] {
  return Object.entries(texts).flatMap(([name, text]) => secrets.flatMap((secret) => waysToSay(secret).filter((way) => text.includes(way)).map((way) => `${name}: ${way}`)))
}

/** What is no JSON among texts whose names say that they are: JSON, or lines of it. */
export function brokenJsonIn(texts: Readonly<Record<string, string>>): string[] {
  return Object.entries(texts).flatMap(([name, text]) => {
    const values = /\.(ndjson|jsonl)$/.test(name) ? text.trimEnd().split('\n') : name.endsWith('.json') ? [text] : []
    return values.filter((value) => !isJson(value)).map((value) => `${name}: ${value}`)
  })
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
