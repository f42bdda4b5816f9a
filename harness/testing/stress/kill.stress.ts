import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { waitFor } from '../../../helpers/wait-for.ts'
import { startChildRun, type ChildRun } from '../child-run.ts'

/**
 * `npm run stress`: kills whole runs with SIGKILL at random moments and demands that nothing is left, every time.
 * STRESS_RUNS (default 20), STRESS_AT_ONCE (default 2), STRESS_SEED (default: the time; printed, so that it can be repeated).
 */
const runs = Number(process.env.STRESS_RUNS ?? 20)
const atOnce = Number(process.env.STRESS_AT_ONCE ?? 2)
const seed = Number(process.env.STRESS_SEED ?? Date.now() % 2 ** 31)

const toy = fileURLToPath(new URL('../toy', import.meta.url))

/** A small generator of numbers from 0 to 1 that can be repeated (mulberry32). */
function randomFrom(start: number): () => number {
  let state = start
  return () => {
    state = (state + 0x6D2B79F5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

interface Outcome {
  readonly whole: boolean
  readonly phase: string
  readonly cleanedMs: number
  readonly left: readonly string[]
}

/** Longest time from the start of a toy run to its end, by the first few runs that were let go. Milliseconds. */
async function lengthOfARun(): Promise<number> {
  const run = startChildRun(['run', 'smoke'], { TOY_FAULT: 'daemon' }, toy)
  try {
    const startedAt = performance.now()
    expect(await run.ended(), run.output()).toBe(0)
    return performance.now() - startedAt
  } finally {
    await run.dispose()
  }
}

interface Moment {
  /** Milliseconds after what was waited for. */
  readonly afterMs: number
  readonly since: 'start' | 'sandbox' | 'teardown'
  readonly group: boolean
}

const hasSandbox = ({ temporary }: ChildRun): boolean => readdirSync(temporary).some((name) => /^clone-smoke-\d/.test(name))

const seen: Record<Moment['since'], (run: ChildRun) => boolean> = {
  start: () => true,
  sandbox: hasSandbox,
  teardown: (run) => run.progress().some(({ type }) => type === 'teardown-started'),
}

async function killOne({ afterMs, since, group }: Moment): Promise<Outcome> {
  const run = startChildRun(['run', 'smoke'], { TOY_FAULT: since === 'teardown' ? 'large' : 'daemon' }, toy)
  try {
    const { pid } = run.process
    if (pid === undefined) throw new Error('the run did not start')
    await waitFor(() => seen[since](run) ? true : undefined, { deadlineMs: 60_000, everyMs: 1, otherwise: () => new Error(run.output()) })
    await Promise.race([delay(afterMs), run.ended()])
    const events = run.progress()
    const phase = events.length === 0 ? (hasSandbox(run) ? 'set-up' : 'before the sandbox') : events.some(({ type }) => type === 'teardown-started') ? 'teardown' : 'lanes'
    const whole = run.process.exitCode !== null
    if (!whole) process.kill(group ? -pid : pid, 'SIGKILL')
    await run.ended()
    const killedAt = performance.now()
    const left = await waitFor(() => run.leftovers().length === 0 ? [] : undefined, {
      deadlineMs: 20_000, otherwise: () => new Error('left'),
    }).catch(() => [...run.leftovers(), ...readdirSync(run.temporary)])
    return { whole, phase, cleanedMs: performance.now() - killedAt, left }
  } finally {
    await run.dispose()
  }
}

test(`${runs} runs, killed at random moments`, async () => {
  const lengthMs = await lengthOfARun()
  const random = randomFrom(seed)
  // Drawn beforehand: the order in which the runs come back must not change what is tried.
  const moments = Array.from({ length: runs }, (): Moment => {
    // Most where it is delicate: while the sandbox is made, and while it is removed.
    const kind = random()
    const [since, within] = kind < 0.25 ? ['start', lengthMs] as const : kind < 0.55 ? ['sandbox', 60] as const
      : kind < 0.7 ? ['sandbox', lengthMs * 0.7] as const : ['teardown', 400] as const
    return { afterMs: random() * within, since, group: random() < 0.5 }
  })
  const outcomes: Outcome[] = []
  const queue = [...moments.entries()]
  await Promise.all(Array.from({ length: atOnce }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [index, moment] = next
      const { afterMs, group } = moment
      const outcome = await killOne(moment)
      outcomes.push(outcome)
      if (outcome.left.length > 0) console.log(`run ${index}: killed (${group ? 'group' : 'process'}) after ${Math.round(afterMs)} ms, in ${outcome.phase}: left ${outcome.left.join(', ')}`)
    }
  }))
  const killed = outcomes.filter(({ whole }) => !whole)
  const times = killed.filter(({ phase }) => phase !== 'before the sandbox').map(({ cleanedMs }) => cleanedMs).sort((a, b) => a - b)
  const phases = ['before the sandbox', 'set-up', 'lanes', 'teardown'].map((phase) => `${killed.filter((one) => one.phase === phase).length} ${phase}`)
  const at = (share: number): string => `${((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0) / 1000).toFixed(1)} s`
  console.log(`seed ${seed}: ${killed.length} of ${runs} runs killed (${phases.join(', ')}), ${outcomes.filter(({ left }) => left.length > 0).length} left something; those with a sandbox were clean after ${at(0.5)} (median), ${at(1)} (longest)`)
  expect(outcomes.filter(({ left }) => left.length > 0)).toEqual([])
  // A number of runs that says nothing of a phase must not pass for one that does.
  if (runs >= 50) for (const phase of ['set-up', 'lanes', 'teardown']) expect(killed.some((one) => one.phase === phase), `none was killed in ${phase}`).toBe(true)
})
