/** What the bundle installer says it did. */
export interface BundleOutcome {
  readonly installed: readonly string[]
  readonly skipped: readonly string[]
  readonly errors: readonly string[]
}

/** Reads the summary at the end of the bundle installer's output: headings with one item a line, or with a list after a colon. */
export function bundleOutcome(output: string): BundleOutcome {
  const lists: Record<string, string[]> = { Installed: [], Skipped: [], Errors: [] }
  let current: string[] | undefined
  for (const line of output.split('\n')) {
    const [, heading = '', rest = ''] = /^(\w[\w ]*):\s*(.*)$/.exec(line) ?? []
    if (heading !== '') {
      current = lists[heading]
      current?.push(...rest.split(',').map((name) => name.trim()).filter((name) => name !== '' && name !== '(none)' && name !== 'none'))
    } else {
      const [, item = ''] = /^\s*-\s+(.*)$/.exec(line) ?? []
      if (item !== '') current?.push(item)
      else current = undefined
    }
  }
  return { installed: lists.Installed ?? [], skipped: lists.Skipped ?? [], errors: lists.Errors ?? [] }
}
