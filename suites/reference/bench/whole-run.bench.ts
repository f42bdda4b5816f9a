import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pidusage from 'pidusage'
import { expect, test } from 'vitest'
import { readProcesses, workingDirectory } from '../../../harness/processes/table.ts'
import { startChildRun } from '../../../harness/testing/child-run.ts'

/** How often each run is repeated: BENCH_ROUNDS, default 5. */
const rounds = Number(process.env.BENCH_ROUNDS ?? 5)
const toy = fileURLToPath(new URL('../../../harness/testing/toy', import.meta.url))

interface Subject {
  readonly name: string
  readonly filter: string
  readonly cwd?: string
  /** It goes on in a workspace of which the first lane is done. */
  readonly warm?: boolean
}

const subjects: readonly Subject[] = [
  { name: 'toy suite: the harness alone', filter: 'smoke', cwd: toy },
  { name: 'reference: bootstrap only', filter: 'bootstrap.smoke' },
  { name: 'reference: one lane, cold', filter: 'bundle-tools.smoke' },
  { name: 'reference: one lane, warm', filter: 'bundle-tools.smoke', warm: true },
  { name: 'reference: all five lanes', filter: 'smoke' },
]

interface Sample {
  readonly seconds: number
  readonly peakMegabytes: number
  /** Seconds by lane, and of the teardown. */
  readonly parts: Readonly<Record<string, number>>
}

test('whole runs, interleaved', async () => {
  const samples = subjects.map((): Sample[] => [])
  const directory = mkdtempSync(join(tmpdir(), 'bench-'))
  try {
    const workspace = join(directory, 'w')
    await measure({ name: '', filter: 'bootstrap.smoke' }, { SMOKE_WORKSPACE: workspace, SMOKE_BOOTSTRAP_ONLY: '1' })
    for (let round = 0; round < rounds; round += 1) {
      for (const [index, subject] of subjects.entries()) {
        samples[index]?.push(await measure(subject, subject.warm === true ? { SMOKE_WORKSPACE: workspace, SMOKE_SKIP_BOOTSTRAP: '1' } : {}))
      }
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
  const base = median((samples[0] ?? []).map(({ seconds }) => seconds))
  const lines = subjects.map(({ name }, index) => {
    const mine = samples[index] ?? []
    const seconds = mine.map((sample) => sample.seconds)
    return `${name.padEnd(32)} ${median(seconds).toFixed(1).padStart(6)} s  (${Math.min(...seconds).toFixed(1)} to ${Math.max(...seconds).toFixed(1)})  x${(median(seconds) / base).toFixed(1).padStart(5)}  ${median(mine.map((sample) => sample.peakMegabytes)).toFixed(0).padStart(5)} MB`
  })
  const whole = samples.at(-1) ?? []
  const total = median(whole.map(({ seconds }) => seconds))
  const parts = Object.keys(whole[0]?.parts ?? {}).map((part) => {
    const seconds = median(whole.map((sample) => sample.parts[part] ?? 0))
    return `  ${part.padEnd(16)} ${seconds.toFixed(1).padStart(5)} s  ${(100 * seconds / total).toFixed(0).padStart(3)} %`
  })
  process.stdout.write([
    '', `median of ${rounds} interleaved rounds: wall time, range, ratio to the harness alone, peak memory of all processes`,
    ...lines, '', 'where the time of all five lanes goes:', ...parts, '', '',
  ].join('\n'))
})

async function measure({ filter, cwd }: Subject, env: Record<string, string>): Promise<Sample> {
  const startedAt = performance.now()
  const run = cwd === undefined ? startChildRun(['run', filter], env) : startChildRun(['run', filter], env, cwd)
  let peak = 0
  const timer = setInterval(() => {
    void memoryOf(run.process.pid, run.temporary).then((bytes) => { peak = Math.max(peak, bytes) })
  }, 300)
  try {
    expect(await run.ended(300_000), run.output()).toBe(0)
    const seconds = (performance.now() - startedAt) / 1000
    const parts = Object.fromEntries(run.progress().flatMap((event) =>
      event.type === 'lane-ended' ? [[event.lane, event.durationMs / 1000]] : event.type === 'teardown-ended' ? [['teardown', event.durationMs / 1000]] : []))
    return { seconds, peakMegabytes: peak / 2 ** 20, parts }
  } finally {
    clearInterval(timer)
    await run.dispose()
  }
}

/** Resident memory of the run's processes: vitest's group, and whatever else descends from it or was left to init. */
async function memoryOf(leader: number | undefined, temporary: string): Promise<number> {
  const table = readProcesses()
  const mine = new Set(leader === undefined ? [] : [leader])
  for (let size = -1; size !== mine.size;) {
    size = mine.size
    for (const info of table) if (mine.has(info.ppid) || mine.has(info.session)) mine.add(info.pid)
  }
  for (const info of table) if (inside(info.pid, temporary)) mine.add(info.pid)
  const usage = await pidusage([...mine]).catch(() => ({}))
  return Object.values(usage).reduce((sum: number, one: { memory?: number } | undefined) => sum + (one?.memory ?? 0), 0)
}

/** The sandbox's own TMPDIR lies below the run's. */
const inside = (pid: number, temporary: string): boolean => workingDirectory(pid)?.startsWith(temporary) === true

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}
