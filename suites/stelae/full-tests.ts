import type { StepContext } from '../../harness/suite.ts'
import { fail, VerdictError } from '../../harness/verdict.ts'
import { placesIn } from './places.ts'

/** A test that pytest says did not pass. */
export interface FailedTest {
  /** `tests/test_x.py::test_y` */
  readonly test: string
  readonly message: string
}

/** Reads the short summary that `pytest -rfE` prints at its end. */
export function failedTests(output: string): FailedTest[] {
  return [...output.matchAll(/^(?:FAILED|ERROR) (\S+?\.py(?:::\S+?(?:\[.*?\])?)?)(?: - (.*))?$/gm)].map(([, test = '', message = '']) => ({ test, message }))
}

/** A failure that is known to be Stelae's own, at commits where it looks like this. */
interface KnownFailure {
  readonly test: RegExp
  readonly says: RegExp
  readonly why: string
}

const knownFailures: readonly KnownFailure[] = [
  {
    test: /::test_plan_only_refuses_windows_mount$/, says: /assert 0 != 0/,
    why: 'it wants a directory /mnt/c/tmp of the host: where there is none, Python takes another temporary directory and nothing is refused',
  },
  {
    test: /::test_process_tool_aggregations_fails_when_live_catalog_missing$/, says: /UnboundLocalError: .*verification_errors/,
    why: 'scripts/process_tool_aggregations.py uses `verification_errors` before it is assigned',
  },
  {
    test: /test_codex_wrapper_smoke\.py/, says: /./, why: 'it drives a release of the Codex MCP wrapper with a login of its user',
  },
]

/** Splits failures into those that are known, with the reason, and those that are not. */
export function sortFailures(failed: readonly FailedTest[]): { readonly known: readonly (FailedTest & { why: string })[]; readonly unknown: readonly FailedTest[] } {
  const whyOf = ({ test, message }: FailedTest): string | undefined => knownFailures.find((one) => one.test.test(test) && one.says.test(message))?.why
  return {
    known: failed.flatMap((one) => { const why = whyOf(one); return why === undefined ? [] : [{ ...one, why }] }),
    unknown: failed.filter((one) => whyOf(one) === undefined),
  }
}

/**
 * Runs all tests of the clone. Failures that are known to be Stelae's own are told, each with its reason, and are no
 * failure of the lane; any other is.
 * @throws VerdictError
 */
export async function runFullTests({ paths, run, note, fact }: StepContext, stelae: string): Promise<void> {
  const lines: string[] = []
  try {
    await run({
      file: placesIn(paths).python, args: ['-m', 'pytest', '-q', '-rfE', '-W', 'ignore', '-p', 'no:cacheprovider', 'tests'], cwd: stelae,
      // One line for each failure, however long its message.
      env: { COLUMNS: '400' }, onLine: (line) => { lines.push(line) },
    })
  } catch (error) {
    if (!(error instanceof VerdictError) || !error.message.includes('exited with 1;')) throw error
    const { known, unknown } = sortFailures(failedTests(lines.join('\n')))
    if (unknown.length > 0 || known.length === 0) {
      const shown = unknown.slice(0, 8).map(({ test, message }) => `${test}${message === '' ? '' : `: ${message}`}`)
      throw fail('check-failed', unknown.length === 0 ? error.verdict.diagnosis : `${unknown.length} of Stelae's tests failed: ${shown.join('; ')}${unknown.length > 8 ? '; ...' : ''}`, {
        evidence: error.verdict.evidence, cause: error,
      })
    }
    for (const { test, message, why } of known) note(`known failure of Stelae's own: ${test}, because ${why} (${message})`)
  }
  fact('stelae.tests', lines.findLast((line) => /\d+ passed/.test(line)) ?? 'unknown')
}
