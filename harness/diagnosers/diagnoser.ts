import type { StageRecord } from '../record.ts'
import type { WorkspacePaths } from '../sandbox/workspace-paths.ts'
import type { Verdict, VerdictClass } from '../verdict.ts'

/** What is there to look at when a step has failed. */
export interface Clues {
  readonly lane: string
  readonly step: string
  /** The agent session, where the step is one and was judged. */
  readonly stage: StageRecord | undefined
  readonly paths: WorkspacePaths
  readonly ports: Readonly<Record<string, number>>
  /** The last 64 KiB of a file, its path absolute or relative to the workspace; empty when it cannot be read. */
  readonly tail: (path: string) => string
}

/** A cause that has a name. */
export interface Cause {
  /** A clause without a full stop, with the values; what was seen first follows it. */
  readonly cause: string
  /** Where the cause is of another class than what was seen. */
  readonly class?: VerdictClass
  readonly remedy?: string | undefined
  /** Files that show it, relative to the workspace. */
  readonly evidence?: readonly string[]
}

/** Turns a verdict that tells what was seen into one that tells why. */
export interface Diagnoser {
  readonly name: string
  /** It is asked about verdicts of these classes; left out: about all. */
  readonly explains?: readonly VerdictClass[]
  /** The cause, when the clues show it beyond doubt; undefined otherwise. */
  readonly look: (verdict: Verdict, clues: Clues) => Cause | undefined
}

/** What other people did needs no cause. */
const notAsked: ReadonlySet<VerdictClass> = new Set(['interrupted', 'harness-bug'])

/**
 * The verdict with its cause in front, as the first diagnoser names it that finds one. Never throws: a diagnoser that
 * does is named to `note`, and passed over.
 */
export function explainVerdict(verdict: Verdict, clues: Clues, diagnosers: readonly Diagnoser[], note: (text: string) => void): Verdict {
  for (const { name, explains, look } of notAsked.has(verdict.class) ? [] : diagnosers) {
    if (explains?.includes(verdict.class) === false) continue
    try {
      const found = look(verdict, clues)
      if (found === undefined) continue
      return {
        ...verdict,
        class: found.class ?? verdict.class,
        diagnosis: verdict.diagnosis.includes(found.cause) ? verdict.diagnosis : `${found.cause}; ${verdict.diagnosis}`,
        evidence: [...new Set([...verdict.evidence, ...(found.evidence ?? [])])],
        remedy: found.remedy ?? verdict.remedy,
      }
    } catch (error) {
      note(`diagnoser "${name}" failed: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return verdict
}
