import { setTimeout as delay } from 'node:timers/promises'
import type { SnapshotRecord } from '../record.ts'
import { excerpt } from '../redaction/excerpt.ts'

/** A stack that does not answer must not hold up the run. Milliseconds. */
const lookMs = 2000

/** What is kept of one look: more names than anybody compares by eye, and no text hidden in a name. */
const nameLimit = 2000
const lengthLimit = 300

/**
 * Looks at the stack as its suite says, within a bound of time. Names come sorted.
 * @throws whatever the suite's own look throws, or an Error when it takes too long
 */
export async function takeSnapshot(look: (signal: AbortSignal) => Promise<Readonly<Record<string, readonly string[]>>>, boundMs = lookMs): Promise<SnapshotRecord> {
  const over = new AbortController()
  const late = delay(boundMs, undefined, { signal: over.signal }).then(() => {
    over.abort()
    throw new Error(`it took longer than ${boundMs / 1000} s`)
  })
  try {
    const lists = await Promise.race([look(over.signal), late])
    return Object.fromEntries(Object.entries(lists).map(([title, names]) => [title, bounded(names)]))
  } finally {
    over.abort()
    late.catch(() => undefined)
  }
}

function bounded(names: readonly string[]): string[] {
  const sorted = names.map((name) => excerpt(name, lengthLimit)).toSorted()
  return sorted.length <= nameLimit ? sorted : [...sorted.slice(0, nameLimit), `... and ${sorted.length - nameLimit} more`]
}
