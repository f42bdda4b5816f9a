import { isDeepStrictEqual } from 'node:util'
import { excerpt } from '../redaction/excerpt.ts'

/** True when `actual` has at least what `expected` has: objects may have more keys, everything else must be equal. */
export function includes(actual: unknown, expected: unknown): boolean {
  if (!isPlainObject(expected)) return isDeepStrictEqual(actual, expected)
  return isPlainObject(actual) && Object.entries(expected).every(([key, value]) => includes(actual[key], value))
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A call in one short line for titles and messages: `grep {"pattern":"x"}`. */
export function describeCall(call: { tool: string; arguments: unknown }): string {
  const text = `${call.tool} ${JSON.stringify(call.arguments)}`
  return text.length <= 110 ? text : `${excerpt(text, 109)}…`
}
