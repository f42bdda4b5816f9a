import { stripVTControlCharacters } from 'node:util'

/** What only Codex's stderr tells. */
export interface StderrFacts {
  /** Names of calls that Codex itself rejected as unknown; printed from 0.117 on, namespace and name glued together. */
  readonly unsupportedCalls: readonly string[]
  /** The line that says which required MCP server did not start. */
  readonly requiredServers: string | undefined
  /** The line that best says why Codex ended early. */
  readonly reason: string | undefined
  /** It wrote something, if only what says nothing about a failure. */
  readonly spoke: boolean
}

/** Lines that say nothing about a failure. */
const noise = [/^WARNING: proceeding, even though/, /^Reading additional input from stdin/]

/** Most telling first: required server, bad flag, any error of Codex, its configuration, or a panic. */
const reasons = [/required MCP servers failed to initialize/i, /^error: /, /^Error\b/, /panicked at/, /\bERROR\b/]

/** Reads Codex's stderr. Never throws. */
export function readStderr(lines: readonly string[]): StderrFacts {
  const said = lines.map((line) => stripVTControlCharacters(line).trim()).filter((line) => line !== '')
  const plain = said.filter((line) => !noise.some((pattern) => pattern.test(line)))
  const index = reasons.map((pattern) => plain.findIndex((line) => pattern.test(line))).find((found) => found !== -1) ?? plain.length - 1
  const reason = plain[index]
  return {
    unsupportedCalls: plain.flatMap((line) => /unsupported call: (\S+)/.exec(line)?.[1] ?? []),
    requiredServers: plain.find((line) => /required MCP servers failed to initialize/i.test(line)),
    spoke: said.length > 0,
    // A line that ends with a colon says what it is about on the next one.
    reason: reason?.endsWith(':') === true ? `${reason} ${plain[index + 1] ?? ''}`.trim() : reason,
  }
}
