import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { bootId, identify, isAlive, readProcesses, type ProcessIdentity } from '../processes/table.ts'
import { makeOpenTemporary } from '../testing/open-temporary.ts'
import { Bystanders } from '../testing/bystanders.ts'
import { janitorOf } from './find-janitor.ts'
import { appendToLedger } from './ledger.ts'
import { updateMarker } from './marker.ts'
import { markerFile, type Owner } from './owner.ts'
import { lockPath } from './port-locks.ts'
import { janitorProgram, startJanitor, type JanitorTask } from './start-janitor.ts'
import { createWorkspace } from './workspace.ts'

// A process that stands for the harness starts the real janitor as `startJanitor` does, and is killed.

let dir: string
let workspace: string
let temporary: string
const bystanders = new Bystanders()
beforeEach(() => {
  dir = makeOpenTemporary('janitor-test-')
  workspace = join(dir, 'made', 'workspace')
  temporary = join(dir, 'temp')
  mkdirSync(temporary)
})
afterEach(() => {
  bystanders.end()
  rmSync(dir, { recursive: true, force: true })
})

interface Harness {
  readonly owner: Owner
  /** Starts the janitor, and resolves when it watches. */
  readonly starts: (task?: Partial<JanitorTask>) => Promise<ProcessIdentity>
  /** Resolves when the janitor's socket has it. */
  readonly says: (text: string) => Promise<void>
  /** Kills it, and resolves when its janitor has ended. */
  readonly dies: () => Promise<void>
}

async function startHarness(): Promise<Harness> {
  const program = await janitorProgram()
  if (!('text' in program)) throw new Error('the tests run from the sources')
  const file = join(dir, 'program.mjs')
  writeFileSync(file, program.text)
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', `
    import { spawn } from 'node:child_process'
    import { readFileSync } from 'node:fs'
    import { createInterface } from 'node:readline'
    let line
    createInterface({ input: process.stdin }).on('line', (text) => {
      if (line) return void line.write(text + '\\n', () => console.log('said'))
      const args = ['--input-type=module', '-', 'clone-smoke-janitor', String(process.pid), JSON.parse(text).ledger]
      const janitor = spawn(process.execPath, args, { cwd: '/', env: {}, detached: true, stdio: ['pipe', 'ignore', 'ignore', 'pipe'] })
      line = janitor.stdio[3]
      janitor.stdin.end(readFileSync(${JSON.stringify(file)}))
      line.once('data', () => console.log(janitor.pid))
      line.write(text + '\\n')
    })`], { stdio: ['pipe', 'pipe', 'inherit'] })
  const self = bystanders.watch(child.pid)
  const owner = { ...self, boot: bootId() }
  let janitor: ProcessIdentity | undefined
  return {
    owner,
    starts: async (change = {}) => {
      const task: JanitorTask = {
        ledger: join(workspace, 'ledger.ndjson'), workspace, results: join(dir, 'results'), made: join(dir, 'made'), owner, temporary, paths: [], ...change,
      }
      child.stdin?.write(`${JSON.stringify(task)}\n`)
      const pid = await new Promise<string>((resolve) => child.stdout?.once('data', (text) => { resolve(String(text)) }))
      janitor = bystanders.watch(Number(pid))
      return janitor
    },
    says: async (text) => {
      child.stdin?.write(`${text}\n`)
      await new Promise((resolve) => child.stdout?.once('data', resolve))
    },
    dies: async () => {
      child.kill('SIGKILL')
      await waitFor(() => janitor && !isAlive(janitor) ? true : undefined, { deadlineMs: 20_000, otherwise: () => new Error('the janitor lives') })
    },
  }
}

/** A workspace as the harness has made it, without a ledger yet. */
function makeWorkspace(owner: Owner, root = workspace): void {
  createWorkspace(root, { suite: 'any', run: 'run', sandbox: 'id' })
  updateMarker(root, { owner })
}

const lock = (port: number, owner: Owner): void => {
  const { pid, startTime, boot } = owner
  writeFileSync(lockPath(temporary, port), JSON.stringify({ pid, startTime, boot, workspace }))
}

const entry = (root: string, more: { keep?: boolean; results?: string } = {}) => ({
  kind: 'sandbox', id: `id-of-${dir}`, workspace: root, results: join(dir, 'results'), boot: bootId(), keep: false, made: join(dir, 'made'), since: 0, ...more,
}) as const

test.each<{ when: string; makes: (owner: Owner) => void; stays?: string[] }>([
  { when: 'before anything', makes: () => undefined },
  { when: 'with a port lock', makes: (owner) => { lock(20_001, owner) } },
  { when: 'within the making of a port lock', makes: ({ pid }) => { writeFileSync(`${lockPath(temporary, 20_001)}.${pid}-0a1b2c3d.new`, '') } },
  { when: 'with the directories above the workspace', makes: () => { mkdirSync(join(dir, 'made')) } },
  { when: 'with an empty workspace', makes: () => { mkdirSync(workspace, { recursive: true }) } },
  {
    when: 'within the making of the marker', makes: ({ pid }) => {
      mkdirSync(workspace, { recursive: true })
      writeFileSync(join(workspace, `${markerFile}.${pid}-0a1b2c3d.new`), '{"sch')
    },
  },
  { when: 'with a marked workspace and its locks', makes: (owner) => { makeWorkspace(owner); lock(20_001, owner); lock(20_002, owner) } },
  { when: 'with an empty ledger', makes: (owner) => { makeWorkspace(owner); writeFileSync(join(workspace, 'ledger.ndjson'), '{"kind":"sand') } },
  {
    when: 'while the workspace is removed', makes: (owner) => {
      makeWorkspace(owner)
      for (const kept of [true, false]) appendToLedger(join(workspace, 'ledger.ndjson'), entry(workspace, { keep: kept }))
      rmSync(join(workspace, 'home'), { recursive: true })
      mkdirSync(join(workspace, 'stack'))
    }, stays: ['results'],
  },
  { when: 'when only the marker is left', makes: (owner) => { makeWorkspace(owner); for (const name of ['home', 'logs', 'tmp', 'transcripts', 'agent-home']) rmSync(join(workspace, name), { recursive: true }) } },
  { when: 'with a ledger', makes: (owner) => { makeWorkspace(owner); appendToLedger(join(workspace, 'ledger.ndjson'), entry(workspace)); lock(20_001, owner) }, stays: ['results'] },
])('a harness that is killed $when leaves nothing', async ({ makes, stays = [] }) => {
  const harness = await startHarness()
  await harness.starts()
  makes(harness.owner)
  await harness.dies()
  expect(readdirSync(temporary)).toEqual([])
  expect(readdirSync(dir).toSorted()).toEqual(['program.mjs', ...stays, 'temp'].toSorted())
})

test("a directory of the user's is emptied of what was made in it, and stays", async () => {
  mkdirSync(workspace, { recursive: true })
  const harness = await startHarness()
  await harness.starts({ made: undefined })
  makeWorkspace(harness.owner)
  await harness.dies()
  expect(readdirSync(workspace)).toEqual([])
})

test.each<{ what: string; makes: (owner: Owner) => void }>([
  { what: "another run's workspace at the same path", makes: () => { makeWorkspace({ pid: 1, startTime: 1, boot: bootId() }) } },
  {
    what: 'the workspace of an earlier run, in which this one was about to go on',
    makes: (owner) => { makeWorkspace(owner); appendToLedger(join(workspace, 'ledger.ndjson'), entry(workspace, { results: join(dir, 'earlier') })) },
  },
  {
    what: 'what others put into a workspace that has no ledger yet', makes: (owner) => { makeWorkspace(owner); writeFileSync(join(workspace, 'thesis.txt'), 'text') },
  },
  { what: 'files of others whose names end as its own', makes: ({ pid }) => { mkdirSync(workspace, { recursive: true }); for (const folder of [workspace, temporary]) writeFileSync(join(folder, `thesis.${pid}-0a1b2c3d.new`), '') } },
  { what: 'files of others where the workspace should be', makes: () => { mkdirSync(workspace, { recursive: true }); writeFileSync(join(workspace, 'thesis.txt'), 'text') } },
  {
    what: 'locks of others, and its own while its workspace is kept',
    makes: (owner) => {
      makeWorkspace(owner)
      appendToLedger(join(workspace, 'ledger.ndjson'), entry(workspace, { keep: true }))
      lock(20_001, owner)
      lock(20_002, { pid: process.pid, startTime: identify(process.pid)?.startTime ?? 0, boot: bootId() })
    },
  },
])('spares $what', async ({ what, makes }) => {
  const harness = await startHarness()
  await harness.starts()
  makes(harness.owner)
  // What every workspace begins with is its own.
  const others = (): string[] => [...readdirSync(workspace, { recursive: true }).map(String), ...readdirSync(temporary)].filter((name) => what.includes('no ledger') ? name.includes('thesis') : true)
  const before = others()
  await harness.dies()
  expect(others()).toEqual(before)
  expect(before.length).toBeGreaterThan(0)
})

test.each([{ keep: false }, { keep: true }])('the ledger of a harness that was killed is finished (keep: $keep)', async ({ keep }) => {
  const harness = await startHarness()
  await harness.starts()
  makeWorkspace(harness.owner)
  const ledger = join(workspace, 'ledger.ndjson')
  appendToLedger(ledger, entry(workspace, { keep }))
  writeFileSync(join(workspace, 'transcripts', 'a.jsonl'), 'one line\n')
  const forever = ['-e', 'setInterval(() => undefined, 1000)']
  const worker = bystanders.watch(spawn(process.execPath, forever, { stdio: 'ignore', detached: true, env: {} }).pid)
  appendToLedger(ledger, { kind: 'harness', process: worker })
  const orphan = bystanders.watch(spawn(process.execPath, forever, { stdio: 'ignore', detached: true, env: { SMOKE_SANDBOX_ID: `id-of-${dir}` } }).pid)
  await harness.dies()
  expect([isAlive(worker), isAlive(orphan), existsSync(workspace)]).toEqual([false, false, keep])
  expect(readFileSync(join(dir, 'results', 'transcripts', 'a.jsonl'), 'utf8')).toBe('one line\n')
})

test.each([{ done: false }, { done: true }])("folders that vitest may leave go with the harness, and after `done` nothing else does (done: $done)", async ({ done }) => {
  const folder = join(dir, 'vitest-folder')
  mkdirSync(folder)
  const harness = await startHarness()
  await harness.starts({ paths: [folder] })
  makeWorkspace(harness.owner)
  if (done) await harness.says('done')
  await harness.dies()
  expect([existsSync(folder), existsSync(workspace)]).toEqual([false, done])
})

test('signals do not end it; it is at work on a workspace only when its harness is dead', async () => {
  const harness = await startHarness()
  const janitor = await harness.starts()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(janitor.pid, signal)
  makeWorkspace(harness.owner)
  expect(janitorOf(workspace)).toBeUndefined()
  expect(janitorOf(workspace, { watching: true })?.pid).toBe(janitor.pid)
  process.kill(janitor.pid, 'SIGSTOP')
  process.kill(harness.owner.pid, 'SIGKILL')
  await waitFor(() => janitorOf(workspace), { deadlineMs: 10_000, otherwise: () => new Error('not seen') })
  expect(janitorOf(workspace)?.pid).toBe(janitor.pid)
  process.kill(janitor.pid, 'SIGCONT')
  await harness.dies()
  expect(existsSync(workspace)).toBe(false)
})

test('it is ready when it says so, has a session of its own, and ends with `done` when this process lets go', async () => {
  const ledger = join(workspace, 'ledger.ndjson')
  const janitor = startJanitor(await janitorProgram(), {
    ledger, workspace, results: join(dir, 'results'), made: undefined, owner: { pid: process.pid, startTime: 0, boot: bootId() }, temporary, paths: [],
  })
  await janitor.ready
  const info = readProcesses().find(({ pid, ppid }) => ppid === process.pid && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(ledger))
  expect(info).toMatchObject({ session: info?.pid })
  janitor.done()
  process.kill(bystanders.watch(info?.pid).pid, 'SIGKILL')
})

test('a janitor that does not start is told', async () => {
  const janitor = startJanitor({ text: 'process.exit(3)' }, {
    ledger: join(workspace, 'ledger.ndjson'), workspace, results: join(dir, 'results'), made: undefined, owner: { pid: 1, startTime: 0, boot: bootId() }, temporary, paths: [],
  })
  await expect(janitor.ready).rejects.toThrow(/janitor.*ended at once \(exit code 3\)/)
})
