import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { compiled } from '../sandbox/fixtures/compiled.ts'
import { startSampler, thinned, type Sample, type SamplerOptions, type UsageSampler } from './usage.ts'

let children: ChildProcess[]
let samplers: UsageSampler[]
beforeEach(() => {
  children = []
  samplers = []
})
afterEach(async () => {
  for (const sampler of samplers) sampler.stop()
  await Promise.all(children.map(end))
})

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => { child.once('exit', resolve) })
  child.kill('SIGKILL')
  await gone
}

interface Child {
  readonly pid: number
  readonly process: ChildProcess
}

async function startNode(program: string): Promise<Child> {
  const child = spawn(process.execPath, ['-e', `${program}; console.log('ready')`], { stdio: ['ignore', 'pipe', 'inherit'] })
  children.push(child)
  await new Promise((resolve) => { child.stdout.once('data', resolve) })
  return { pid: child.pid ?? 0, process: child }
}

const idle = 'setInterval(() => undefined, 1000)'
const busy = 'setInterval(() => { for (const until = Date.now() + 50; Date.now() < until;); }, 0)'
const holds = (megabytes: number): string => `globalThis.held = Buffer.alloc(${megabytes} * 1e6, 1); ${idle}`

/** By hand: its timer never comes. */
function sampler(options: SamplerOptions): UsageSampler {
  const made = startSampler({ intervalMs: 3_600_000, ...options })
  samplers.push(made)
  return made
}

const cpuMs = (pid: number): number => Number(execFileSync('cat', [`/proc/${pid}/stat`], { encoding: 'utf8' }).split(') ')[1]?.split(' ').slice(11, 13).reduce((sum, ticks) => sum + Number(ticks), 0)) * 10

/** Until a process has used so much CPU time, however long that takes. */
const spends = (pid: number, ms: number): Promise<true> => {
  const goal = cpuMs(pid) + ms
  return waitFor(() => cpuMs(pid) >= goal || undefined, { deadlineMs: 40_000, otherwise: () => new Error(`${pid} does not use its CPU`) })
}

const until = (ms: number): Promise<true> => {
  const goal = performance.now() + ms
  return waitFor(() => performance.now() >= goal || undefined, { deadlineMs: ms + 10_000, everyMs: 10, otherwise: () => new Error('unreachable') })
}

test('adds up memory and counts processes; take begins anew', async () => {
  const [small, large] = [await startNode(idle), await startNode(holds(200))]
  const usage = sampler({ pids: () => [small.pid, large.pid] })
  await usage.sample()
  const both = usage.take()
  expect(both).toMatchObject({ samples: 1, peakProcesses: 2, peakCpuPercent: 0 })
  expect(both.peakMemoryBytes).toBeGreaterThan(220e6)
  expect(both.peakMemoryBytes).toBeLessThan(600e6)
  expect(usage.take()).toEqual({ samples: 0, peakMemoryBytes: 0, peakProcesses: 0, peakCpuPercent: 0 })
  await end(large.process)
  await usage.sample()
  const one = usage.take()
  expect(one).toMatchObject({ samples: 1, peakProcesses: 1 })
  expect(one.peakMemoryBytes).toBeLessThan(both.peakMemoryBytes - 190e6)
})

test('CPU is what was used since the last look: of a process that idles now, nothing of its busy past', async () => {
  const past = await startNode(`for (const until = Date.now() + 700; Date.now() < until;); ${idle}`)
  const usage = sampler({ pids: () => [past.pid] })
  await usage.sample()
  const spent = cpuMs(past.pid)
  const before = performance.now()
  await until(500)
  await usage.sample()
  // What Node itself still did meanwhile, on whatever machine, and two clock ticks.
  const atMost = ((cpuMs(past.pid) - spent + 20) / (performance.now() - before)) * 100
  expect(usage.take().peakCpuPercent).toBeLessThan(atMost + 10)
})

test('a process that is first seen when it is already old brings no lifetime average', async () => {
  const old = await startNode(busy)
  await spends(old.pid, 1000)
  let pids = [process.pid]
  const usage = sampler({ pids: () => pids })
  await usage.sample()
  pids = [old.pid]
  await until(300)
  await usage.sample()
  expect(usage.take().peakCpuPercent).toBe(0)
})

test('sees a busy process, also one that began since the last look', async () => {
  let pids = [process.pid]
  const usage = sampler({ pids: () => pids })
  await usage.sample()
  const young = await startNode(busy)
  pids = [young.pid]
  for (let look = 0; look < 2; look += 1) {
    const before = performance.now()
    await spends(young.pid, 500)
    // A quarter of what it got: on a busy machine that is little.
    const atLeast = (500 / (performance.now() - before)) * 25
    await usage.sample()
    expect(usage.take().peakCpuPercent).toBeGreaterThan(atLeast)
  }
})

test('looks that follow at once make no peak of one clock tick', async () => {
  const child = await startNode(busy)
  const usage = sampler({ pids: () => [child.pid] })
  for (let count = 0; count < 20; count += 1) await usage.sample()
  // Two looks are at least 200 ms apart: one core and a tick more, and what the machine lets pass between figure and clock.
  expect(usage.take().peakCpuPercent).toBeLessThan(300)
})

test.each([
  { pids: 'none', expected: 0, make: (): number[] => [] },
  { pids: 'one that is gone', expected: 0, make: (gone: number): number[] => [gone] },
  { pids: 'one that is gone among others, and one twice', expected: 1, make: (gone: number): number[] => [gone, process.pid, process.pid] },
])('survives $pids', async ({ expected, make }) => {
  const child = await startNode(idle)
  await end(child.process)
  const usage = sampler({ pids: () => make(child.pid) })
  await usage.sample()
  await usage.sample()
  expect(usage.take()).toMatchObject({ samples: 2, peakProcesses: expected })
})

test('counts a process that ends between two looks once', async () => {
  const [stays, goes] = [await startNode(idle), await startNode(idle)]
  const usage = sampler({ pids: () => [stays.pid, goes.pid] })
  await usage.sample()
  expect(usage.take().peakProcesses).toBe(2)
  await end(goes.process)
  await usage.sample()
  expect(usage.take().peakProcesses).toBe(1)
})

test('tells each limit once, with the three largest processes', async () => {
  const sizes = [10, 80, 160, 240]
  const children = await Promise.all(sizes.map((megabytes) => startNode(holds(megabytes))))
  const told: string[] = []
  const usage = sampler({ pids: () => children.map(({ pid }) => pid), limits: { memoryBytes: 300e6, processes: 3 }, onOver: (what) => told.push(what) })
  await usage.sample()
  await usage.sample()
  const largest = children.slice(1).toReversed().map(({ pid }) => `${pid} .*node.* \\(\\d+ MB\\)`).join(', ')
  expect(told).toHaveLength(2)
  expect(told[0]).toMatch(new RegExp(`^the sandbox uses \\d+ MB of memory, more than 300 MB; the largest: ${largest}$`, 's'))
  expect(told[1]).toMatch(new RegExp(`^the sandbox has 4 processes, more than 3; the largest: ${largest}$`, 's'))
})

test('each look is told', async () => {
  const told: Sample[] = []
  const usage = sampler({ pids: () => [process.pid], onSample: (sample) => told.push(sample) })
  await usage.sample()
  await usage.sample()
  expect(told).toMatchObject([{ processes: 1 }, { processes: 1 }])
  expect(told[0]?.memoryBytes).toBeGreaterThan(10e6)
})

test('of many samples the first is passed on, then the worst of each gap; the gap grows', () => {
  const added: Sample[] = []
  let time = 0
  const add = thinned((sample) => added.push(sample), { gapMs: 300, perGap: 2, now: () => time })
  const all = (value: number): Sample => ({ memoryBytes: value, processes: value, cpuPercent: value })
  for (const [at, value] of [[0, 1], [100, 9], [299, 2], [300, 3], [600, 8], [899, 4], [900, 5], [1500, 6]] as const) {
    time = at
    add(all(value))
  }
  // 600 ms apart after the second.
  expect(added).toEqual([all(1), all(9), all(8), all(6)])
})

test('a day of samples is a bounded number', () => {
  let added = 0
  let time = 0
  const add = thinned(() => { added += 1 }, { now: () => time })
  for (; time < 86_400_000; time += 1000) add({ memoryBytes: 1, processes: 1, cpuPercent: 1 })
  expect(added).toBeLessThan(3000)
  expect(added).toBeGreaterThan(300)
})

test('says nothing while the limits are kept', async () => {
  const told: string[] = []
  const usage = sampler({ pids: () => [process.pid], limits: { memoryBytes: 1e12, processes: 1 }, onOver: (what) => told.push(what) })
  await usage.sample()
  expect(told).toEqual([])
})

test('samples by itself, never twice at a time, until it is stopped', async () => {
  let looks = 0
  const usage = sampler({ intervalMs: 5, pids: () => {
    looks += 1
    return [process.pid]
  } })
  expect(looks).toBe(1)
  expect(usage.sample()).toBe(usage.sample())
  expect(looks).toBe(1)
  await waitFor(() => looks >= 5 || undefined, { deadlineMs: 20_000, otherwise: () => new Error('it does not sample') })
  usage.stop()
  const atStop = looks
  usage.take()
  await until(100)
  await usage.sample()
  expect(looks).toBe(atStop)
  expect(usage.take().samples).toBe(0)
})

test('goes on when the processes could not be found once, and says so to whoever asks', async () => {
  let fails = true
  const usage = sampler({ pids: () => {
    if (fails) throw new Error('no table')
    return [process.pid]
  } })
  await expect(usage.sample()).rejects.toThrow('no table')
  fails = false
  await usage.sample()
  expect(usage.take()).toMatchObject({ samples: 1, peakProcesses: 1 })
})

test('the library is loaded by the first look, and neither it nor the timer keeps a process alive', () => {
  const url = (path: string): string => JSON.stringify(fileURLToPath(new URL(path, import.meta.url)))
  const library = createRequire(import.meta.url).resolve('pidusage')
  const program = `
    const { createRequire } = require('node:module')
    const loaded = () => createRequire(${url('usage.ts')}).cache?.[${JSON.stringify(library)}] !== undefined || require.cache[${JSON.stringify(library)}] !== undefined
    require('vite').createServer({ configFile: false, logLevel: 'silent', server: { middlewareMode: true, ws: false, watch: null }, appType: 'custom', root: ${url('../..')} }).then(async (vite) => {
      const { startSampler } = await vite.ssrLoadModule(${url('usage.ts')})
      const before = loaded()
      const usage = startSampler({ pids: () => [process.pid] })
      await usage.sample()
      console.log(JSON.stringify([before, loaded(), usage.take().samples]))
      await vite.close()
    })`
  const output = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8', timeout: 50_000, cwd: fileURLToPath(new URL('../..', import.meta.url)) })
  expect(JSON.parse(output)).toEqual([false, true, 1])
})

test('files of processes that ended are closed, also while they are still asked for', async () => {
  const programs = mkdtempSync(join(tmpdir(), 'usage-programs-'))
  try {
    const module = await compiled(fileURLToPath(new URL('usage.ts', import.meta.url)), programs)
    const gone = await Promise.all(Array.from({ length: 10 }, () => startNode(idle)))
    // A process of its own: pidusage's history is one for all samplers of a process.
    const program = spawn(process.execPath, ['--input-type=module', '-e', `
      import { readdirSync, readlinkSync } from 'node:fs'
      import { createInterface } from 'node:readline'
      const { startSampler } = await import(${JSON.stringify(module)})
      const link = (fd) => { try { return readlinkSync('/proc/self/fd/' + fd) } catch { return '' } }
      const open = () => readdirSync('/proc/self/fd').filter((fd) => /^\\/proc\\/\\d+\\/stat$/.test(link(fd))).length
      const usage = startSampler({ pids: () => ${JSON.stringify(gone.map(({ pid }) => pid))}, intervalMs: 3_600_000, historyMs: 500 })
      await usage.sample()
      console.log(JSON.stringify([usage.take().peakProcesses, open() >= 10]))
      for await (const line of createInterface({ input: process.stdin })) {
        await usage.sample()
        console.log(JSON.stringify([usage.take().peakProcesses, open()]))
      }
    `], { stdio: ['pipe', 'pipe', 'inherit'] })
    children.push(program)
    const lines: string[] = []
    createInterface({ input: program.stdout }).on('line', (line) => lines.push(line))
    const answer = async (): Promise<unknown> =>
      JSON.parse(await waitFor(() => lines.shift(), { deadlineMs: 20_000, everyMs: 10, otherwise: () => new Error('it says nothing') }))
    expect(await answer()).toEqual([10, true])
    await Promise.all(gone.map(({ process: child }) => end(child)))
    await waitFor(async () => {
      program.stdin.write('look\n')
      const [processes, open] = await answer() as [number, number]
      expect(processes).toBe(0)
      return open === 0 || undefined
    }, { deadlineMs: 20_000, otherwise: () => new Error('files of processes that are gone stay open') })
  } finally {
    rmSync(programs, { recursive: true, force: true })
  }
})
