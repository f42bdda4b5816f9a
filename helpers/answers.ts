import type { CallEvidence } from '../harness/suite.ts'
import { fail } from '../harness/verdict.ts'

/** A tool's answer that was promised to be JSON. @throws VerdictError of class tool-failed with its start when it is not */
export function parseAnswer(evidence: CallEvidence): unknown {
  try {
    return JSON.parse(evidence.text)
  } catch {
    throw fail('tool-failed', `${evidence.observed.tool} answered text that is not the JSON it promises: ${evidence.text.slice(0, 200) || '(nothing)'}`)
  }
}

/** @throws VerdictError of class not-effective with the start of the answer */
export const expectText = (evidence: CallEvidence, wanted: string): Promise<void> => {
  if (evidence.text.includes(wanted)) return Promise.resolve()
  throw fail('not-effective', `the answer does not contain ${JSON.stringify(wanted)}; it starts: ${evidence.text.slice(0, 200)}`)
}
