import { spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { bootId, identify, isAlive, type ProcessIdentity } from '../processes/table.ts'
import { Bystanders } from '../testing/bystanders.ts'
import { cleanAbandoned, cleanWorkspace, findWorkspaces } from './cleanup.ts'
import { startCallers, type Callers } from './fixtures/callers.ts'
import { appendToLedger, type LedgerEntry } from './ledger.ts'
import { updateMarker, type Marker } from './marker.ts'
import { markerFile } from './owner.ts'
import { createWorkspace } from './workspace.ts'

const daemonises = fileURLToPath(new URL('../processes/fixtures/daemonises.mjs', import.meta.url))
const dead = { pid: 1, startTime: -1, boot: bootId() }

let dir: string
/** Stands for the machine's temp dir: the test cleans nobody else's. */
let temp: string
const bystanders = new Bystanders()
let callers: Callers | undefined
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'clean-')))
  temp = join(dir, 'temp')
  mkdirSync(temp)
})
afterEach(async () => {
  await callers?.end()
  callers = undefined
  bystanders.end()
  rmSync(dir, { recursive: true, force: true })
})

/** A daemon whose parent is gone, in a session that no ledger knows: only the sandbox's id tells whose it is. */
async function startDaemon(sandbox: string): Promise<ProcessIdentity> {
  const child = spawn(process.execPath, [daemonises], { stdio: ['ignore', 'pipe', 'ignore'], cwd: '/', env: { SMOKE_SANDBOX_ID: sandbox } })
  let text = ''
  child.stdout.on('data', (chunk) => { text += String(chunk) })
  await new Promise((resolve) => child.once('close', resolve))
  return bystanders.watch(Number(/daemon (\d+)/.exec(text)?.[1]))
}

interface Made {
  readonly root: string
  readonly sandbox: string
  readonly add: (entry: LedgerEntry) => void
}

/** A workspace as a run leaves it; its owner is dead unless one is given. */
function makeWorkspace(name: string, { keep = false, ledger = true, ...change }: Partial<Omit<Marker, 'schema'>> & { keep?: boolean; ledger?: boolean } = {}): Made {
  const asked = name.startsWith('/') ? name : join(temp, `clone-smoke-${name}`)
  const sandbox = `run@${asked}`
  const { paths, made } = createWorkspace(asked, { suite: 'any', run: `run-${name}`, sandbox })
  updateMarker(asked, { owner: dead, ...change })
  const add = (entry: LedgerEntry): void => { appendToLedger(paths.ledger, entry) }
  if (ledger) {
    add({ kind: 'sandbox', id: sandbox, workspace: asked, results: join(dir, 'results'), boot: bootId(), keep, made, since: identify(process.pid)?.startTime ?? 0 })
  }
  return { root: asked, sandbox, add }
}

/** Stands for another run's janitor: a child of nobody here that has its title and ledger, and never ends by itself. */
async function startIdleJanitor(root: string): Promise<ProcessIdentity> {
  const args = JSON.stringify(['-e', 'setInterval(() => undefined, 1000)', 'clone-smoke-janitor', '0', join(root, 'ledger.ndjson')])
  const parent = spawn(process.execPath, ['-e', `
    const child = require('node:child_process').spawn(process.execPath, ${args}, { stdio: 'ignore', cwd: '/', env: {}, detached: true })
    child.unref()
    console.log(child.pid)`], { stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  parent.stdout.on('data', (chunk) => { text += String(chunk) })
  await new Promise((resolve) => parent.once('close', resolve))
  return bystanders.watch(Number(text))
}

const conditions = (): Record<string, string> =>
  Object.fromEntries(findWorkspaces(temp).map(({ path, condition }) => [path.slice(temp.length + '/clone-smoke-'.length), condition]))

test('a live neighbour is found alive and survives, with its daemon', async () => {
  const owner = bystanders.start()
  const { root, sandbox } = makeWorkspace('a', { owner: { ...owner, boot: bootId() } })
  const daemon = await startDaemon(sandbox)
  expect(findWorkspaces(temp)).toMatchObject([{ path: root, condition: 'alive', run: 'run-a', owner: { pid: owner.pid } }])
  expect(await cleanAbandoned(temp)).toEqual([])
  await expect(cleanWorkspace(root, temp)).rejects.toThrow(`alive (pid ${owner.pid})`)
  expect([isAlive(owner), isAlive(daemon), existsSync(join(root, markerFile))]).toEqual([true, true, true])
})

test('an abandoned one goes with its daemon, its process in the ledger and its port locks', async () => {
  const { root, sandbox, add } = makeWorkspace('a')
  const daemon = await startDaemon(sandbox)
  const recorded = bystanders.start()
  add({ kind: 'session', name: 'x', leader: recorded })
  const stranger = await startDaemon('another sandbox')
  const lock = (name: string, workspace: string): void => { writeFileSync(join(temp, `clone-smoke-port-${name}.json`), JSON.stringify({ ...dead, workspace })) }
  lock('1', root)
  lock('2', `${root}-2`)
  const sentences = await cleanAbandoned(temp)
  expect(sentences).toHaveLength(1)
  expect(sentences[0]).toContain(`removed the abandoned workspace ${root} (run run-a;`)
  expect(sentences[0]).toContain('ended 2 processes')
  expect([isAlive(daemon), isAlive(recorded), isAlive(stranger)]).toEqual([false, false, true])
  expect(readdirSync(temp)).toEqual(['clone-smoke-port-2.json'])
  expect(await cleanAbandoned(temp)).toEqual([])
})

test.each([
  ['marked as kept', { kept: true }],
  ['killed before it could mark that it is to be kept', { keep: true }],
])('one that was %s stays at the start of a run, and goes when its user says so', async (_why, how) => {
  const { root, sandbox } = makeWorkspace('a', how)
  const daemon = await startDaemon(sandbox)
  expect(conditions()).toEqual({ a: 'kept' })
  expect(await cleanAbandoned(temp)).toEqual([])
  expect([isAlive(daemon), existsSync(root)]).toEqual([true, true])
  expect(await cleanWorkspace(root, temp)).toEqual({ ended: 1, leftovers: [] })
  expect([isAlive(daemon), existsSync(root)]).toEqual([false, false])
  expect(await cleanWorkspace(root, temp)).toEqual({ ended: 0, leftovers: [] })
})

test('one of an older version stays at the start of a run, and goes by its ledger when its user says so', async () => {
  const { root, sandbox } = makeWorkspace('a')
  const daemon = await startDaemon(sandbox)
  const write = (owner: object): void => { writeFileSync(join(root, markerFile), JSON.stringify({ schema: 1, id: 'clone-smoke-a', suite: 'any', createdAt: '', owner })) }
  write({ ...identify(process.pid), boot: bootId() })
  expect(conditions()).toEqual({ a: 'alive' })
  await expect(cleanWorkspace(root, temp)).rejects.toThrow(/alive/)
  write(dead)
  expect(conditions()).toEqual({ a: 'older' })
  expect(await cleanAbandoned(temp)).toEqual([])
  expect(existsSync(root)).toBe(true)
  expect(await cleanWorkspace(root, temp)).toEqual({ ended: 1, leftovers: [] })
  expect([isAlive(daemon), existsSync(root)]).toEqual([false, false])
})

/** A ledger and a marker as somebody wrote them who wants a command run and a path removed. */
function craft(name: string): { root: string; harmed: () => boolean } {
  const { root, add } = makeWorkspace(name)
  const victim = join(temp, 'victim')
  const witness = join(dir, 'ran')
  writeFileSync(victim, '')
  add({ kind: 'command', name: 'x', file: '/usr/bin/touch', args: [witness], cwd: '/', env: {}, timeoutMs: 10_000 })
  add({ kind: 'path', path: victim })
  return { root, harmed: () => existsSync(witness) || !existsSync(victim) }
}

test.each([
  ['others can write to', (root: string) => {
    chmodSync(root, 0o777)
    return root
  }],
  ['its group can write to', (root: string) => {
    chmodSync(root, 0o770)
    return root
  }],
  ['is reached by a link', (root: string) => {
    renameSync(root, join(dir, 'elsewhere'))
    symlinkSync(join(dir, 'elsewhere'), root)
    return root
  }],
  ['belongs to another user', (root: string) => {
    chownSync(root, 65534, 65534)
    return root
  }],
  ['has a marker that cannot be read, and no ledger', (root: string) => {
    writeFileSync(join(root, markerFile), '{')
    rmSync(join(root, 'ledger.ndjson'))
    return root
  }],
  ['is of a newer version', (root: string) => {
    writeFileSync(join(root, markerFile), JSON.stringify({ schema: 3, owner: dead }))
    return root
  }],
])('nothing is run or removed for a directory that %s', async (why, change) => {
  if (why.includes('another user') && process.getuid?.() !== 0) return
  const { root, harmed } = craft('a')
  change(root)
  const before = readdirSync(root, { recursive: true })
  expect(conditions()).toEqual({ a: 'not ours' })
  expect(await cleanAbandoned(temp)).toEqual([])
  await expect(cleanWorkspace(root, temp)).rejects.toMatchObject({ name: 'UsageError' })
  expect(harmed()).toBe(false)
  expect(readdirSync(root, { recursive: true })).toEqual(before)
})

test('what is followed of a ledger of this very path: commands, and paths below the temp dir', async () => {
  const { root, harmed } = craft('a')
  await cleanWorkspace(root, temp)
  expect(harmed()).toBe(true)
})

test('a ledger that tells of another directory is not followed; processes are found by the id and the directory', async () => {
  const { root, harmed } = craft('a')
  const moved = join(temp, 'clone-smoke-b')
  renameSync(root, moved)
  updateMarker(moved, { owner: { ...dead, startTime: identify(process.pid)?.startTime ?? 0 } })
  const inside = bystanders.start({ cwd: moved })
  const marked = await startDaemon(`run@${root}`)
  expect(await cleanWorkspace(moved, temp)).toEqual({ ended: 2, leftovers: [] })
  expect([isAlive(inside), isAlive(marked), existsSync(moved), harmed()]).toEqual([false, false, false, false])
})

test('a copy is removed without the processes of the original', async () => {
  const { root, sandbox } = makeWorkspace('a', { kept: true })
  const copy = makeWorkspace('b', { sandbox, ledger: false }).root
  writeFileSync(join(copy, 'ledger.ndjson'), readFileSync(join(root, 'ledger.ndjson')))
  const daemon = await startDaemon(sandbox)
  expect(await cleanWorkspace(copy, temp)).toEqual({ ended: 0, leftovers: [] })
  expect([isAlive(daemon), existsSync(copy), existsSync(root)]).toEqual([true, false, true])
})

test('paths of a ledger that lie elsewhere, are workspaces or lead away are left alone, and told', async () => {
  const { root, add } = makeWorkspace('a')
  const other = makeWorkspace('other', { kept: true }).root
  const outside = join(dir, 'outside')
  writeFileSync(outside, '')
  symlinkSync(dir, join(temp, 'way'))
  const paths = [outside, other, join(temp, 'way', 'outside'), temp, join(temp, '..', 'outside')]
  for (const path of paths) add({ kind: 'path', path })
  add({ kind: 'path', path: join(temp, 'gone', 'long ago') })
  const { leftovers } = await cleanWorkspace(root, temp)
  expect(leftovers.map((line) => line.split(' is left alone')[0])).toEqual(paths.toReversed())
  expect([existsSync(outside), existsSync(other), existsSync(root)]).toEqual([true, true, false])
})

test('a directory of the user is emptied, and what was made to hold a workspace goes unless others use it', async () => {
  mkdirSync(join(dir, 'mine'))
  const mine = makeWorkspace(join(dir, 'mine')).root
  const first = makeWorkspace(join(dir, 'made', 'first')).root
  const second = makeWorkspace(join(dir, 'made', 'second')).root
  for (const root of [mine, first]) expect(await cleanWorkspace(root, temp)).toEqual({ ended: 0, leftovers: [] })
  expect([existsSync(mine), readdirSync(mine).length, existsSync(first), existsSync(second)]).toEqual([true, 0, false, true])
})

test('one whose run died before its ledger was written goes too', async () => {
  const { root } = makeWorkspace('a', { ledger: false, owner: { ...dead, startTime: identify(process.pid)?.startTime ?? 0 } })
  const inside = bystanders.start({ cwd: join(root, 'home') })
  expect(await cleanAbandoned(temp)).toEqual([expect.stringContaining('ended 1 process of it')])
  expect([isAlive(inside), existsSync(root)]).toEqual([false, false])
})

test('one whose janitor works is left to it, and cleaned when the janitor dies over it', async () => {
  const { root } = makeWorkspace('a')
  const janitor = await startIdleJanitor(root)
  await waitFor(() => conditions().a === 'alive' ? true : undefined, { deadlineMs: 10_000, otherwise: () => new Error('not seen') })
  let over = false
  const cleaning = cleanAbandoned(temp).finally(() => { over = true })
  // Until somebody ends the janitor, nothing may happen: cleaning has been under way for several looks by then.
  for (let looks = 0; looks < 10; looks += 1) await waitFor(() => findWorkspaces(temp), { deadlineMs: 1000, otherwise: () => new Error('never') })
  expect([over, existsSync(join(root, markerFile))]).toEqual([false, true])
  process.kill(janitor.pid, 'SIGKILL')
  expect(await cleaning).toEqual([expect.stringContaining('removed the abandoned workspace')])
  expect(existsSync(root)).toBe(false)
})

test('a janitor that does not end is waited for with a bound', async () => {
  const { root } = makeWorkspace('a')
  const janitor = await startIdleJanitor(root)
  expect(await cleanAbandoned(temp)).toEqual([`${root} is left alone: its janitor is still at work`])
  expect([isAlive(janitor), existsSync(join(root, markerFile))]).toEqual([true, true])
})

test('an emptied directory without a marker goes when it is old, and never one that holds something', async () => {
  const [old, young, full] = ['20261121-081500-3f9a1c', '20261121-081501-3f9a1c', '20261121-081502-3f9a1c'].map((run) => join(temp, `clone-smoke-${run}`)) as [string, string, string]
  for (const path of [old, young, full]) mkdirSync(path)
  writeFileSync(join(full, 'thesis.txt'), '')
  const before = new Date(Date.now() - 120_000)
  for (const path of [old, full]) utimesSync(path, before, before)
  expect(await cleanAbandoned(temp)).toEqual([])
  expect([old, young, full].map((path) => existsSync(path))).toEqual([false, true, true])
})

test('several cleaners at once: one cleans, none fails', async () => {
  const { root, sandbox } = makeWorkspace('a', { kept: true })
  const daemon = await startDaemon(sandbox)
  const here = await Promise.all([cleanWorkspace(root, temp), cleanWorkspace(root, temp)])
  expect(here.map(({ ended }) => ended).toSorted()).toEqual([0, 1])
  expect(isAlive(daemon)).toBe(false)

  const again = makeWorkspace('b')
  const second = await startDaemon(again.sandbox)
  callers = await startCallers(3, 'cleanup.ts', 'cleanAbandoned', [temp])
  const answers = await callers.call()
  expect(answers.map(({ error }) => error)).toEqual([undefined, undefined, undefined])
  expect(answers.flatMap(({ result }) => result)).toEqual([expect.stringContaining(`removed the abandoned workspace ${again.root}`)])
  expect([isAlive(second), existsSync(again.root)]).toEqual([false, false])
})

test('eight workspaces at once: the six that are abandoned go, each with its daemon', async () => {
  const owner = bystanders.start()
  const all = [0, 1, 2, 3, 4, 5, 6, 7].map((index) => makeWorkspace(String(index), {
    ...(index === 3 && { kept: true }), ...(index === 6 && { owner: { ...owner, boot: bootId() } }),
  }))
  const daemons = await Promise.all(all.map(({ sandbox }) => startDaemon(sandbox)))
  expect(await cleanAbandoned(temp)).toHaveLength(6)
  const staying = [false, false, false, true, false, false, true, false]
  expect(daemons.map(isAlive)).toEqual(staying)
  expect(all.map(({ root }) => existsSync(root))).toEqual(staying)
})
