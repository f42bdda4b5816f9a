import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))

export function readJsonOr(file, fallback) {
  try {
    return readJson(file)
  } catch (error) {
    if (error.code === 'ENOENT') return fallback
    throw error
  }
}

export const toJson = (value) => `${JSON.stringify(value, null, 2)}\n`

/** Replaces a file as a whole: a reader sees the old text or the new one, never half of it. Says whether it changed. */
export function writeText(file, text) {
  try {
    if (readFileSync(file, 'utf8') === text) return false
  } catch {
    mkdirSync(dirname(file), { recursive: true })
  }
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
  return true
}

/** Remembers files as they are; returns what puts them back, byte for byte. */
export function keepFiles(files) {
  const kept = files.map((file) => [file, existsSync(file) ? readFileSync(file, 'utf8') : undefined])
  return () => {
    for (const [file, text] of kept) text === undefined ? rmSync(file, { force: true }) : writeText(file, text)
  }
}

/** Replaces `{{NAME}}` in every string of a value. */
export function fillPlaceholders(value, names) {
  if (typeof value === 'string') return value.replaceAll(/\{\{(\w+)\}\}/g, (whole, name) => names[name] ?? whole)
  if (Array.isArray(value)) return value.map((item) => fillPlaceholders(item, names))
  if (value && typeof value === 'object') return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillPlaceholders(item, names)]))
  return value
}
