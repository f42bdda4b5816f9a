import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { verdictClasses, type VerdictClass } from '../../../harness/verdict.ts'
import { faults } from './catalogue.ts'
import { prove, tryInjection } from './prove.ts'

/** Those that really run here, at least one of each lane. All of them: `npm run faults`. */
const really = [
  'port-taken-meanwhile', // bootstrap; a commit and an interfering process
  'agent-hides-call', // bundle-tools; another agent
  'install-dirties-clone', // install
  'removal-leaves-server', // remove
  'server-leaves-orphan', // verify-clean
  'host-guardrails-set', // survived; the environment
]

test.concurrent.each(faults.filter(({ id }) => really.includes(id)))('$id is caught and named', { timeout: 600_000 }, async (fault) => {
  const { seen, expected, misses } = await prove(fault)
  expect(misses, misses.join('\n')).toEqual([])
  expect(seen).toBe(expected)
})

test.each(faults.filter(({ id }) => !really.includes(id)))('$id can be injected', async (fault) => {
  await tryInjection(fault)
})

test('every fault has a name of its own, the name of its file', () => {
  const files = readdirSync(fileURLToPath(new URL('.', import.meta.url))).filter((name) => existsSync(new URL(name, import.meta.url)) && /^export const \w+: Fault = /m.test(read(name)))
  expect(faults.map(({ id }) => `${id}.ts`).toSorted()).toEqual(files.toSorted())
  expect(really.filter((id) => !faults.some((fault) => fault.id === id))).toEqual([])
})

const read = (name: string): string => name.endsWith('.ts') ? readFileSync(new URL(name, import.meta.url), 'utf8') : ''

/** Verdict classes that no fault above has; the test that proves each of them names it. */
const provenByTest: Partial<Record<VerdictClass, string>> = {
  prerequisite: 'harness/agents/codex/probe.test.ts',
  clone: 'harness/sandbox/clone.test.ts',
  resources: 'harness/vitest/life.test.ts',
  'agent-startup': 'harness/agents/codex/outcome.test.ts',
  model: 'harness/agents/codex/outcome.test.ts',
  'model-script': 'harness/lanes/judge.test.ts',
  'check-failed': 'harness/vitest/glue.test.ts',
  manual: 'suites/reference/by-hand.test.ts',
  interrupted: 'harness/agents/codex/outcome.test.ts',
  'harness-bug': 'harness/vitest/glue.test.ts',
}

test('no verdict class without a proof', () => {
  const byFault = new Set(faults.flatMap(({ outcome }) => outcome.is === 'red' ? [outcome.verdict] : []))
  const unproven = (Object.keys(verdictClasses) as VerdictClass[]).filter((name) => {
    if (byFault.has(name)) return false
    const file = provenByTest[name]
    // Expected of a verdict, in a table of expected verdicts, or thrown.
    const proof = new RegExp(`(?:class|verdict): '${name}'|, '${name}', \\[|toThrow\\(.*[/(\\^]${name}: `)
    return file === undefined || !proof.test(readFileSync(new URL(`../../../${file}`, import.meta.url), 'utf8'))
  })
  expect(unproven).toEqual([])
  // A list of exceptions that are none hides the next one.
  expect(Object.keys(provenByTest).filter((name) => byFault.has(name as VerdictClass))).toEqual([])
})
