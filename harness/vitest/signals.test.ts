import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { markerFile } from '../sandbox/owner.ts'
import { startChildRun, type ChildRun } from '../testing/child-run.ts'

const toy = fileURLToPath(new URL('../testing/toy', import.meta.url))

let run: ChildRun | undefined
afterEach(async () => {
  await run?.dispose()
  run = undefined
})

/** Where a run can be when the signal comes, and how that is seen from outside. */
const phases = {
  'the set-up': { fault: '', isThere: ({ temporary }: ChildRun) => readdirSync(temporary).some((name) => existsSync(join(temporary, name, markerFile))) },
  'a lane': { fault: 'wait', isThere: (child: ChildRun) => child.progress().some((event) => event.type === 'step-started' && event.step === 'greet') },
  'the teardown': { fault: 'slow-stop', isThere: (child: ChildRun) => child.progress().some(({ type }) => type === 'teardown-started') },
} as const

async function startUntil(phase: keyof typeof phases): Promise<ChildRun & { readonly pid: number }> {
  const child = startChildRun(['run', 'smoke'], { TOY_FAULT: phases[phase].fault }, toy)
  run = child
  await waitFor(() => phases[phase].isThere(child) ? true : undefined, { deadlineMs: 60_000, otherwise: () => new Error(`never came to ${phase}:\n${child.output()}`) })
  const { pid } = child.process
  if (pid === undefined) throw new Error('no pid')
  return { ...child, pid }
}

const untilNothingIsLeft = (child: ChildRun): Promise<true> =>
  waitFor(() => child.leftovers().length === 0 ? true : undefined, { deadlineMs: 30_000, otherwise: () => new Error(`left: ${child.leftovers().join(', ')}`) })

const cases = (Object.keys(phases) as (keyof typeof phases)[]).flatMap((phase) =>
  ([['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const).flatMap(([signal, code]) =>
    (['the group', 'the process'] as const).map((to) => ({ phase, signal, code, to }))))

test.each(cases)('$signal to $to during $phase: exit code $code, and nothing is left', async ({ phase, signal, code, to }) => {
  const child = await startUntil(phase)
  process.kill(to === 'the group' ? -child.pid : child.pid, signal)
  expect(await child.ended(), child.output()).toBe(code)
  await untilNothingIsLeft(child)
  if (phase === 'the set-up') return
  expect(child.progress().find(({ type }) => type === 'teardown-ended')).toMatchObject({ leftovers: [] })
  if (phase === 'a lane') expect(child.progress().some((event) => event.type === 'lane-ended' && event.lane === 'start' && event.verdict?.class === 'interrupted')).toBe(true)
})

test.each(['the group', 'the process'] as const)('an impatient user who presses Ctrl+C again and again (%s) is rid of it at once, and the janitor cleans up', async (to) => {
  const child = await startUntil('the teardown')
  while (child.process.exitCode === null && child.process.signalCode === null) {
    process.kill(to === 'the group' ? -child.pid : child.pid, 'SIGINT')
    await delay(250)
  }
  expect(await child.ended(), child.output()).toBe(130)
  // The stop command of the stack takes longer than that; the run did not wait for it.
  const types = child.progress().map(({ type }) => type)
  expect([types.includes('teardown-started'), types.includes('teardown-ended')]).toEqual([true, false])
  await untilNothingIsLeft(child)
})

test.each(['the group', 'the process'] as const)('SIGKILL to %s during the teardown: the janitor ends it', async (to) => {
  const child = await startUntil('the teardown')
  process.kill(to === 'the group' ? -child.pid : child.pid, 'SIGKILL')
  expect(await child.ended()).toBe('SIGKILL')
  await untilNothingIsLeft(child)
})

test.each([{}, { SMOKE_KEEP: 'failed' }])('SIGKILL while the workspace is removed: the janitor removes the rest (%o)', async (env) => {
  const samples = Array.from({ length: 20 }, (_, index) => String(index * 1000))
  // The moment is short, and may pass between two looks on a busy machine.
  for (let tries = 0; tries < 4; tries += 1) {
    const child = startChildRun(['run', 'smoke'], { TOY_FAULT: 'large', ...env }, toy)
    run = child
    const large = await waitFor(
      () => child.progress().some(({ type }) => type === 'teardown-started') ? readdirSync(child.temporary).map((name) => join(child.temporary, name, 'large')).find((path) => existsSync(path)) ?? '' : undefined,
      { deadlineMs: 60_000, everyMs: 10, otherwise: () => new Error(child.output()) },
    )
    const isWhole = (): boolean => samples.every((name) => existsSync(join(large, name)))
    while (child.process.exitCode === null && isWhole()) await delay(1)
    const seen = child.process.exitCode === null && existsSync(large)
    child.process.kill('SIGKILL')
    // One that failed by itself would be kept.
    expect(['SIGKILL', 0], child.output()).toContain(await child.ended())
    await untilNothingIsLeft(child)
    if (seen) return
    await child.dispose()
  }
  throw new Error('the removal was never seen')
})
