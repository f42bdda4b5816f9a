import { mkdirSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { cloneSmoke, startChildRun, type ChildRun } from '../../../harness/testing/child-run.ts'
import type { Fault } from './fault.ts'
import { faultKit } from './kit.ts'

/** What came of a fault. */
export interface Proof {
  readonly id: string
  /** `bootstrap port-mismatch`, `survived`, `refused 2`: what was to be seen, and what was. */
  readonly expected: string
  readonly seen: string
  /** Why it counts as missed; empty for a hit. */
  readonly misses: readonly string[]
  readonly seconds: number
}

/** How long one run may take on a slow machine. Milliseconds. */
export const runMs = 400_000

/**
 * What a fault does not set itself. The clone's own tests have nothing to say about most faults; and a fault is to be
 * caught for what it is, not because the machine is slow: time that is not needed costs nothing.
 */
export const patient = { SMOKE_TEST_SCOPE: 'none', SMOKE_BUDGET_SCALE: '5', SMOKE_STAGE_TIMEOUT: '240', SMOKE_RESTART_TIMEOUT: '120' }

/** Runs the suite with the fault in it, and compares. Whatever was made is gone afterwards. */
export async function prove(fault: Fault): Promise<Proof> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fault-')))
  const { kit, dispose } = faultKit(directory)
  const runs: ChildRun[] = []
  const start = (filters: readonly string[], env: Readonly<Record<string, string>>): ChildRun => {
    const run = startChildRun(['run', ...filters], { ...patient, ...env })
    runs.push(run)
    return run
  }
  const startedAt = performance.now()
  try {
    const env = await fault.inject(kit)
    if (fault.earlier) {
      const earlier = start(fault.earlier.filters, { SMOKE_WORKSPACE: kit.workspace, ...env, ...fault.earlier.env })
      const code = await earlier.ended(runMs)
      if (code !== 0) throw new Error(`the run before the faulty one ended with ${code}:\n${earlier.output()}`)
      await fault.earlier.then(kit)
    }
    const run = start(fault.filters, env)
    const code = await run.ended(runMs)
    const { seen, misses } = compare(fault, run, code, directory)
    // A workspace that is kept keeps its port.
    const left = fault.earlier ? run.leftovers().filter((name) => !name.startsWith('clone-smoke-port-')) : run.leftovers()
    return {
      id: fault.id, expected: expectationOf(fault), seen, seconds: (performance.now() - startedAt) / 1000,
      misses: [...misses, ...left.map((one) => `left behind: ${one}`)],
    }
  } finally {
    if (fault.earlier) await execa(process.execPath, [cloneSmoke, 'cleanup', kit.workspace], { stdin: 'ignore', reject: false })
    for (const run of runs) await run.dispose()
    await dispose()
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Makes the fault and undoes it, without a run: what an earlier one would have left is a folder. @throws Error when it cannot be injected */
export async function tryInjection(fault: Fault): Promise<void> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'fault-')))
  const { kit, dispose } = faultKit(directory)
  try {
    await fault.inject(kit)
    if (fault.earlier) {
      mkdirSync(join(kit.workspace, 'config-home'), { recursive: true })
      await fault.earlier.then(kit)
    }
  } finally {
    await dispose()
    rmSync(directory, { recursive: true, force: true })
  }
}

function expectationOf({ outcome }: Fault): string {
  switch (outcome.is) {
    case 'red': return `${outcome.lane} ${outcome.verdict}`
    case 'survived': return 'survived'
    case 'refused': return `refused ${outcome.exitCode}`
  }
}

function compare({ outcome }: Fault, run: ChildRun, code: number | string, directory: string): { seen: string; misses: string[] } {
  const lacking = (words: readonly (string | RegExp)[], text: string): string[] => words
    .filter((word) => typeof word === 'string' ? !text.includes(word) : !word.test(text))
    .map((word) => `the words ${String(word)} are not in: ${text}`)
  // The terminal breaks its lines where they are too long for it.
  const said = (): string => run.output().replaceAll(/\s+/g, ' ')
  if (outcome.is === 'refused') {
    const seen = code === outcome.exitCode ? `refused ${code}` : `exit code ${code}`
    return { seen, misses: [...(code === outcome.exitCode ? [] : [`it ended with ${code}:\n${run.output()}`]), ...lacking(outcome.words, said())] }
  }
  const { lanes, teardown } = run.record()
  const red = [
    ...lanes.filter(({ status }) => status === 'failed').map(({ name, verdict }) => ({ lane: name, verdict })),
    ...(teardown?.verdict ? [{ lane: 'teardown', verdict: teardown.verdict }] : []),
  ]
  const seen = red.map(({ lane, verdict }) => `${lane} ${verdict?.class ?? 'no verdict'}`).join(', ')
  if (outcome.is === 'survived') {
    const problem = outcome.check?.(directory, run)
    return {
      seen: seen === '' && code === 0 ? 'survived' : seen || `exit code ${code}`,
      misses: [...(code === 0 ? [] : [`it ended with ${code}:\n${run.output()}`]), ...lacking(outcome.words, said()), ...(problem === undefined ? [] : [problem])],
    }
  }
  const { lane, verdict, words } = outcome
  const diagnosis = red[0]?.verdict?.diagnosis ?? ''
  const misses = seen === `${lane} ${verdict}` && code === 1 ? [] : [`exit code ${code}; red: ${seen || 'nothing'}: ${diagnosis}\n${run.output()}`]
  if (!teardown) misses.push('the run has no teardown')
  return { seen: seen || 'nothing', misses: [...misses, ...lacking(words, diagnosis)] }
}
