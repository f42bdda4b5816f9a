import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import { z } from 'zod'

/** How often each run is repeated: BENCH_ROUNDS, default 3. */
const rounds = Number(process.env.BENCH_ROUNDS ?? 3)
const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const vitest = here('../../../node_modules/vitest/vitest.mjs')

const measured = z.object({ code: z.number(), wall: z.number(), cpu: z.number(), peakBytes: z.number(), left: z.number() })
type Sample = z.infer<typeof measured>

/** Both begin with the same Python environment and the same servers: Stelae's own harness takes the developer's. */
test("Stelae's own harness and this suite, side by side: from nothing to a stack that is ready", async () => {
  const { SMOKE_SOURCE_STELAE: stelae = '', SMOKE_SOURCE_MCP_PROXY: proxy = '' } = process.env
  expect(stelae && proxy, 'set SMOKE_SOURCE_STELAE and SMOKE_SOURCE_MCP_PROXY to work trees of both').not.toBe('')
  // A short path: pm2 keeps sockets in the workspaces.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'b-')))
  const samples = new Map<string, Sample[]>()
  try {
    const prepared = join(directory, 'w')
    const cache = process.env.SMOKE_CACHE_DIR ?? join(directory, 'cache')
    const ours = (name: string, env: Record<string, string>): Promise<Sample> =>
      measure(directory, name, [process.execPath, vitest, 'run', 'bootstrap.smoke'], {
        SMOKE_SUITE: 'stelae', SMOKE_TEST_SCOPE: 'none', SMOKE_RESULTS: join(directory, 'results'), SMOKE_CACHE_DIR: cache, ...env,
      })
    const home = join(directory, 'home')
    const theirs = (name: string, workspace: string, args: readonly string[]): Promise<Sample> => {
      const python = join(prepared, 'venv/bin/python3')
      return measure(directory, name, [python, here('drive-stelae-harness.py'), stelae, prepared, '--source', stelae, '--proxy-source', proxy, '--workspace', workspace, '--python-bin', python, '--pytest-scope', 'none', ...args], {
        HOME: home, PATH: [join(home, '.local/bin'), join(prepared, 'venv/bin'), process.env.PATH ?? ''].join(':'),
        PYTHONPATH: join(workspace, 'stelae'), MIN_TOOL_COUNT: /^MIN_TOOL_COUNT=(\d+)$/m.exec(readFileSync(join(prepared, 'config-home/.env'), 'utf8'))?.[1] ?? '2', PYTHONDONTWRITEBYTECODE: '1', STELAE_STATE_HOME: join(workspace, 'config-home/.state'),
      })
    }
    await ours('prepare', { SMOKE_WORKSPACE: prepared, SMOKE_BOOTSTRAP_ONLY: '1' })
    linkPrograms(join(prepared, 'bin'), join(home, '.local/bin'))

    for (let round = 0; round < rounds; round += 1) {
      const workspace = join(directory, `t${round}`)
      const cold = join(directory, `cold${round}`)
      mkdirSync(cold)
      for (const shared of ['stelae-python', 'stelae-servers']) symlinkSync(join(cache, shared), join(cold, shared))
      const add = async (name: string, work: Promise<Sample>): Promise<void> => { samples.set(name, [...(samples.get(name) ?? []), await work]) }
      await add('theirs, cold', theirs(`theirs-cold-${round}`, workspace, ['--bootstrap-only']))
      await add('ours, cold', ours(`ours-cold-${round}`, { SMOKE_CACHE_DIR: cold }))
      await add('ours, with a cache', ours(`ours-cache-${round}`, {}))
      await add('theirs, from a checkpoint', theirs(`theirs-checkpoint-${round}`, workspace, ['--skip-bootstrap', '--reuse-workspace', '--keep-workspace']))
      await add('ours, from a checkpoint', ours(`ours-checkpoint-${round}`, { SMOKE_WORKSPACE: prepared, SMOKE_REUSE: '1' }))
      rmSync(workspace, { recursive: true, force: true })
      rmSync(cold, { recursive: true, force: true })
    }
  } finally {
    // It was kept, and its ports with it.
    await execa(process.execPath, [here('../../../harness/cli/clone-smoke.mjs'), 'cleanup', join(directory, 'w')], { reject: false, stdin: 'ignore' })
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  const base = median(samples.get('theirs, cold')?.map(({ wall }) => wall) ?? [])
  process.stdout.write([
    '', `median of ${rounds} interleaved rounds; ratio: how many times faster than theirs, cold`,
    ...[...samples].map(([name, all]) => {
      const of = (pick: (sample: Sample) => number): number => median(all.map(pick))
      return `${name.padEnd(28)} wall ${of(({ wall }) => wall).toFixed(1).padStart(6)} s   CPU ${of(({ cpu }) => cpu).toFixed(1).padStart(6)} s   peak ${(of(({ peakBytes }) => peakBytes) / 2 ** 20).toFixed(0).padStart(5)} MB   x${(base / of(({ wall }) => wall)).toFixed(1).padStart(5)}`
    }), '', '',
  ].join('\n'))
})

/** Where Stelae's own harness looks for programs: those of the prepared sandbox, by the names that it uses. */
function linkPrograms(bin: string, local: string): void {
  mkdirSync(local, { recursive: true })
  for (const name of readdirSync(bin)) symlinkSync(join(bin, name), join(local, name))
  for (const [name, program] of [['uv', 'one-mcp'], ['npx', 'stelae-npx']] as const) symlinkSync(join(bin, program), join(local, name))
}

async function measure(directory: string, name: string, command: readonly string[], env: Readonly<Record<string, string>>): Promise<Sample> {
  const result = join(directory, `${name}.json`)
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([key]) => !/^(SMOKE_(?!SOURCE_)|VITEST|npm_|NODE_ENV|TEST$|STELAE_)/.test(key)))
  const { all } = await execa('python3', [here('measured.py'), result, ...command], {
    cwd: here('../../..'), env: { ...inherited, NO_COLOR: '1', CI: '1', ...env }, extendEnv: false, all: true, reject: false, stdin: 'ignore', timeout: 900_000,
  })
  const sample = measured.parse(JSON.parse(readFileSync(result, 'utf8')))
  expect(sample.code, `${name} failed; it said:\n${all.slice(-3000)}`).toBe(0)
  process.stdout.write(`${name}: ${sample.wall.toFixed(1)} s\n`)
  return sample
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2
}
