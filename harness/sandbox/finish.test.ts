import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { createProcessHost } from '../processes/host.ts'
import { bootId, identify, isAlive } from '../processes/table.ts'
import { finishLedger, ownedProcesses, removeWorkspace } from './finish.ts'
import { appendToLedger, readLedger } from './ledger.ts'
import { compiled } from './fixtures/compiled.ts'
import { makeOpenTemporary } from '../testing/open-temporary.ts'
import { Bystanders } from '../testing/bystanders.ts'

const daemonises = fileURLToPath(new URL('../processes/fixtures/daemonises.mjs', import.meta.url))

let dir: string
const bystanders = new Bystanders()
beforeEach(() => {
  dir = makeOpenTemporary('finish-test-')
  mkdirSync(join(dir, 'workspace'))
})
afterEach(() => {
  bystanders.end()
  rmSync(dir, { recursive: true, force: true })
})

function openLedger(more: { keep?: boolean; boot?: string; since?: number } = {}): string {
  const file = join(dir, 'workspace', 'ledger.ndjson')
  appendToLedger(file, {
    kind: 'sandbox', id: `id-of-${dir}`, workspace: join(dir, 'workspace'), results: join(dir, 'results'),
    boot: more.boot ?? bootId(), keep: more.keep ?? false, made: join(dir, 'workspace'),
    since: more.since ?? identify(process.pid)?.startTime ?? 0,
  })
  return file
}

test.each([
  { owned: true, why: 'the marker in its environment', options: () => ({ env: { SMOKE_SANDBOX_ID: `id-of-${dir}` } }) },
  { owned: true, why: 'its working directory in the workspace', options: () => ({ cwd: join(dir, 'workspace') }) },
  { owned: false, why: "another sandbox's marker", options: () => ({ env: { SMOKE_SANDBOX_ID: `id-of-${dir}-2` } }) },
  { owned: false, why: 'a neighbouring directory with the same prefix', options: () => {
    mkdirSync(`${join(dir, 'workspace')}-2`)
    return { cwd: `${join(dir, 'workspace')}-2` }
  } },
  { owned: false, why: 'nothing that ties it to the sandbox', options: () => ({}) },
])('a process with $why is owned: $owned', async ({ owned, options }) => {
  const file = openLedger()
  const identity = bystanders.start(options())
  await waitFor(() => (isAlive(identity) ? true : undefined), { deadlineMs: 5000, otherwise: () => new Error('never alive') })
  expect(ownedProcesses(readLedger(file), { harness: false }).some(({ pid }) => pid === identity.pid)).toBe(owned)
  const result = await finishLedger(file, { harness: false })
  expect(result.leftovers).toEqual([])
  expect(isAlive(identity)).toBe(!owned)
})

test('a recorded session is owned, a later one with the same number is not', () => {
  const file = openLedger()
  const leader = bystanders.start()
  appendToLedger(file, { kind: 'session', name: 'x', leader: { pid: leader.pid, startTime: leader.startTime + 1 } })
  expect(ownedProcesses(readLedger(file), { harness: false })).toEqual([])
  appendToLedger(file, { kind: 'session', name: 'x', leader })
  expect(ownedProcesses(readLedger(file), { harness: false }).map(({ pid }) => pid)).toEqual([leader.pid])
  appendToLedger(file, { kind: 'session-ended', leader: { pid: leader.pid, startTime: leader.startTime - 1 } })
  expect(ownedProcesses(readLedger(file), { harness: false })).toHaveLength(1)
  appendToLedger(file, { kind: 'session-ended', leader })
  expect(ownedProcesses(readLedger(file), { harness: false })).toEqual([])
})

test('a ledger of an earlier boot ends nothing', async () => {
  const file = openLedger({ boot: 'another boot' })
  const identity = bystanders.start({ env: { SMOKE_SANDBOX_ID: `id-of-${dir}` } })
  await finishLedger(file, { harness: false })
  expect(isAlive(identity)).toBe(true)
})

test('a process that is older than the sandbox is a stranger, also inside its directory', async () => {
  const identity = bystanders.start({ cwd: join(dir, 'workspace') })
  const file = openLedger({ since: identity.startTime + 1 })
  await finishLedger(file, { harness: false })
  expect(isAlive(identity)).toBe(true)
})

test('finds a daemon that left its session, by its marker', async () => {
  const file = openLedger()
  const host = createProcessHost(file)
  const child = await host.start({
    name: 'daemonises', file: process.execPath, args: [daemonises], cwd: dir, env: { SMOKE_SANDBOX_ID: `id-of-${dir}` },
    stdout: join(dir, 'out.log'), stderr: join(dir, 'out.log'), deadlineMs: 10_000,
  })
  await child.ended
  const daemon = bystanders.watch(Number(/daemon (\d+)/.exec(readFileSync(join(dir, 'out.log'), 'utf8'))?.[1]))
  expect(isAlive(daemon)).toBe(true)
  expect(await finishLedger(file, { harness: false })).toEqual({ ended: 1, leftovers: [] })
  expect(isAlive(daemon)).toBe(false)
})

test('runs stop commands newest first, only while their pid file names a living process', async () => {
  const file = openLedger()
  const log = join(dir, 'order.log')
  const say = (word: string, whilePidFile?: string): void => {
    appendToLedger(file, {
      kind: 'command', name: word, file: process.execPath, cwd: dir, env: {}, timeoutMs: 10_000,
      args: ['-e', `require('fs').appendFileSync(${JSON.stringify(log)}, '${word} ')`],
      ...(whilePidFile !== undefined && { whilePidFile }),
    })
  }
  writeFileSync(join(dir, 'alive.pid'), String(process.pid))
  writeFileSync(join(dir, 'dead.pid'), '999999999')
  say('first', join(dir, 'alive.pid'))
  say('never', join(dir, 'dead.pid'))
  say('absent', join(dir, 'no.pid'))
  say('last')
  await finishLedger(file, { harness: false })
  expect(readFileSync(log, 'utf8')).toBe('last first ')
})

test('removes recorded paths and says which it could not', async () => {
  const file = openLedger()
  writeFileSync(join(dir, 'lock'), '')
  appendToLedger(file, { kind: 'path', path: join(dir, 'lock') })
  appendToLedger(file, { kind: 'path', path: '/proc/1/stat' })
  const { leftovers } = await finishLedger(file, { harness: false })
  expect(existsSync(join(dir, 'lock'))).toBe(false)
  expect(leftovers).toHaveLength(1)
  expect(leftovers[0]).toContain('/proc/1/stat')
})

test('a directory of the user is emptied, one that was made is removed with what was made to hold it', () => {
  mkdirSync(join(dir, 'mine'))
  writeFileSync(join(dir, 'mine', 'x'), '')
  mkdirSync(join(dir, 'a', 'b', 'c'), { recursive: true })
  expect(removeWorkspace({ workspace: join(dir, 'mine') })).toEqual([])
  expect(removeWorkspace({ workspace: join(dir, 'a', 'b', 'c'), made: join(dir, 'a') })).toEqual([])
  expect(readdirSync(dir).toSorted()).toEqual(['mine', 'workspace'])
  expect(readdirSync(join(dir, 'mine'))).toEqual([])
})

test('reads a ledger whose last line was cut by a crash', () => {
  const file = openLedger()
  writeFileSync(file, `${readFileSync(file, 'utf8')}{"kind":"session","na`)
  expect(readLedger(file).map(({ kind }) => kind)).toEqual(['sandbox'])
})

test('read-only directories, as of a module cache, are removed for a user who is not root too', async () => {
  const program = await compiled(fileURLToPath(new URL('finish.ts', import.meta.url)), join(dir, 'program'))
  const cache = join(dir, 'cache')
  mkdirSync(join(cache, 'a', 'b'), { recursive: true })
  writeFileSync(join(cache, 'a', 'b', 'file'), '')
  // Root may remove anything: whoever runs this as root becomes somebody else.
  const somebody = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {}
  const { uid } = somebody
  for (const path of [dir, cache, join(cache, 'a'), join(cache, 'a', 'b'), join(cache, 'a', 'b', 'file')]) if (uid !== undefined) chownSync(path, uid, uid)
  for (const path of [join(cache, 'a', 'b'), join(cache, 'a')]) chmodSync(path, 0o555)
  execFileSync(process.execPath, ['--input-type=module', '-e', `const { removePath } = await import(${JSON.stringify(program)}); process.exit(removePath(${JSON.stringify(cache)}) === undefined ? 0 : 1)`], { ...somebody, cwd: '/', env: {} })
  expect(existsSync(cache)).toBe(false)
})
