import { z } from 'zod'
import type { CallEvidence } from '../../harness/suite.ts'
import { fail } from '../../harness/verdict.ts'
import { parseAnswer } from '../../helpers/answers.ts'
import { excerpt, excerptOfEnd } from '../../harness/redaction/excerpt.ts'

/**
 * The README of the clone, as its servers find it: their working directory is `<apps>/mcp-proxy`, and a path that does
 * not begin there can stand in a prompt that is the same in every sandbox.
 */
export const readmePath = '../stelae/README.md'

const result = z.object({
  status: z.string(),
  details: z.record(z.string(), z.unknown()).nullish(),
  commands_run: z.array(z.object({ command: z.unknown(), status: z.string(), output: z.string().nullish() })).nullish(),
  files_updated: z.array(z.object({ path: z.string(), changed: z.boolean().nullish() })).nullish(),
  errors: z.array(z.string()).nullish(),
  warnings: z.array(z.string()).nullish(),
})
export type ManageResult = z.infer<typeof result>

/**
 * The result of a manage_stelae call that succeeded as business: Stelae answers a failed installation with a call that
 * completed, and says so only in its `status`.
 * @throws VerdictError of class tool-failed with Stelae's own errors
 */
export function expectOk(evidence: CallEvidence): ManageResult {
  const answer = parseAnswer(evidence)
  const parsed = z.union([z.object({ result }).transform((wrapped) => wrapped.result), result]).safeParse(answer)
  if (!parsed.success) throw fail('tool-failed', `manage_stelae answered what is no result of it: ${excerpt(evidence.text, 300)}`)
  const { status, errors, commands_run: commands } = parsed.data
  if (status === 'ok') {
    const broken = (commands ?? []).find((command) => !['ok', 'skipped'].includes(command.status))
    if (broken === undefined) return parsed.data
    throw fail('tool-failed', `manage_stelae says ok, but its command ${JSON.stringify(broken.command)} was ${broken.status}: ${excerptOfEnd(broken.output ?? '', 300)}`)
  }
  throw fail('tool-failed', `manage_stelae answered status ${JSON.stringify(status)} in a call that completed: ${errors?.join('; ') ?? excerpt(evidence.text, 300)}`)
}

/** The last call of an installation and of a removal: the bridge has outlived the restart of its proxy. */
export const listCall = {
  server: 'stelae', tool: 'manage_stelae', arguments: { operation: 'list_discovered_servers' },
  effect: 'the bridge still answers, with status ok',
  verifyEffect: (evidence: CallEvidence) => {
    expectOk(evidence)
    return Promise.resolve()
  },
} as const
