import { spawn, type ChildProcess } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { UsageError } from '../errors.ts'
import { bootId, identify, isAlive, readProcess } from '../processes/table.ts'
import { compiled } from './fixtures/compiled.ts'
import { makeLock } from './port-locks.ts'
import { candidatePorts, clearStaleLocks, releasePort, reservePort, type PortOwner, type PortReservation } from './ports.ts'
import { markerFile } from './owner.ts'
import { makeOpenTemporary } from '../testing/open-temporary.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.mjs`, import.meta.url))
const isRoot = process.getuid?.() === 0
const nobody = 65_534
const noIpv6 = !existsSync('/proc/net/if_inet6')

let programs: string
let module: string
let locksModule: string
beforeAll(async () => {
  programs = makeOpenTemporary('ports-programs-')
  chmodSync(programs, 0o755)
  locksModule = await compiled(fileURLToPath(new URL('port-locks.ts', import.meta.url)), programs)
  module = await compiled(fileURLToPath(new URL('ports.ts', import.meta.url)), programs)
})
afterAll(() => {
  rmSync(programs, { recursive: true, force: true })
})

let dir: string
let locks: string
let children: ChildProcess[]
let servers: Server[]
beforeEach(() => {
  dir = makeOpenTemporary('ports-test-')
  locks = join(dir, 'locks')
  mkdirSync(locks)
  children = []
  servers = []
})
afterEach(async () => {
  await Promise.all(children.map(end))
  for (const server of servers) server.close()
  rmSync(dir, { recursive: true, force: true })
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
  /** The next line it prints. */
  line(): Promise<string>
}

function start(file: string, args: readonly string[], more: { uid?: number } = {}): Child {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['pipe', 'pipe', 'inherit'], cwd: '/', ...more })
  children.push(child)
  const lines: string[] = []
  createInterface({ input: child.stdout }).on('line', (text) => lines.push(text))
  return {
    pid: child.pid ?? 0, process: child,
    line: () => waitFor(() => lines.shift(), { deadlineMs: 40_000, everyMs: 10, otherwise: () => new Error(`${file} says nothing more`) }),
  }
}

const me = (workspace = join(dir, 'workspace')): PortOwner => ({
  pid: process.pid, startTime: readProcess(process.pid)?.startTime ?? 0, boot: bootId(), workspace,
})

function makeWorkspace(name: string): string {
  const workspace = join(dir, name)
  mkdirSync(workspace)
  writeFileSync(join(workspace, markerFile), '{}')
  return workspace
}

async function deadOwner(workspace: string): Promise<PortOwner> {
  const child = start(fixture('listens'), ['127.0.0.1'])
  await child.line()
  const identity = identify(child.pid)
  await end(child.process)
  return { pid: child.pid, startTime: identity?.startTime ?? 0, boot: bootId(), workspace }
}

const lockOf = (port: number): string => join(locks, `clone-smoke-port-${port}.json`)

/** A port that is free now, with no lock. */
async function freePort(): Promise<number> {
  const reservation = await reservePort({ owner: me(), directory: locks })
  releasePort(reservation, me())
  return reservation.port
}

const refusal = (asked: number, owner = me()): Promise<unknown> =>
  reservePort({ owner, directory: locks, asked }).then((got) => { throw new Error(`was given ${got.port}`) }, (error: unknown) => error)

function listen(host: string): Promise<number> {
  const server = createServer()
  servers.push(server)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, () => {
      resolve((server.address() as { port: number }).port)
    })
  })
}

test('a reserved port is free to be bound, and its lock names the owner', async () => {
  const reservation = await reservePort({ owner: me(), directory: locks })
  expect(reservation.lockFile).toBe(lockOf(reservation.port))
  expect(JSON.parse(readFileSync(reservation.lockFile, 'utf8'))).toEqual(me())
  expect(reservation.port).toBeGreaterThanOrEqual(20_000)
  expect(reservation.port).toBeLessThan(32_768)
  const child = start(fixture('listens'), ['0.0.0.0', String(reservation.port)])
  expect(await child.line()).toBe(String(reservation.port))
})

test.each([
  { local: '32768 to 60999', range: { first: 32_768, last: 60_999 }, first: 20_000, last: 32_767, count: 12_768 },
  { local: '25000 to 60999', range: { first: 25_000, last: 60_999 }, first: 20_000, last: 24_999, count: 5000 },
  { local: '10000 to 29999', range: { first: 10_000, last: 29_999 }, first: 30_000, last: 32_767, count: 2768 },
  { local: 'everything', range: { first: 1024, last: 65_535 }, first: 20_000, last: 32_767, count: 12_768 },
])('where $local is given to outgoing connections, the choice is $first to $last', ({ range, first, last, count }) => {
  const ports = candidatePorts(range)
  expect([ports[0], ports.at(-1), ports.length]).toEqual([first, last, count])
})

test('chooses by the randomness it is given, and what is excluded never', async () => {
  const take = (more: { exclude?: readonly number[] }): Promise<PortReservation> =>
    reservePort({ owner: me(), directory: locks, random: () => 0.5, ...more })
  const first = await take({})
  releasePort(first, me())
  const again = await take({})
  releasePort(again, me())
  expect(again.port).toBe(first.port)
  expect((await take({ exclude: [first.port] })).port).not.toBe(first.port)
})

test('one run that reserves many at once never gets the same port twice', async () => {
  const taken = await Promise.all(Array.from({ length: 8 }, () => reservePort({ owner: me(), directory: locks, random: () => 0 })))
  expect(new Set(taken.map(({ port }) => port)).size).toBe(8)
})

test('a lock of the own workspace is taken again only on request', () => {
  expect(makeLock(locks, 20_000, me(), { again: false })).toBe(true)
  expect(makeLock(locks, 20_000, me(), { again: false })).toBe(false)
  expect(makeLock(locks, 20_000, me(), { again: true })).toBe(true)
  expect(readdirSync(locks)).toHaveLength(1)
})

test.each([
  { processes: 2, choice: 'random' }, { processes: 8, choice: 'random' },
  { processes: 2, choice: 'same' }, { processes: 8, choice: 'same' },
])('$processes processes that reserve 20 ports each at once never share one ($choice first choice)', async ({ processes, choice }) => {
  // Stale locks where everybody begins: to take one over is when two could think they have it.
  const stale = { pid: 999_999_999, startTime: 1, boot: bootId(), workspace: join(dir, 'gone') }
  for (const port of candidatePorts({ first: 32_768, last: 60_999 }).slice(0, 40)) writeFileSync(lockOf(port), JSON.stringify(stale))
  for (const port of candidatePorts({ first: 32_768, last: 60_999 }).slice(-400)) writeFileSync(lockOf(port), JSON.stringify(stale))
  const runs = Array.from({ length: processes }, (_, index) => start(fixture('reserves-ports'), [module, locks, '20', join(dir, `w${index}`), choice]))
  for (const run of runs) expect(await run.line()).toBe('ready')
  for (const run of runs) run.process.stdin?.write('go\n')
  const answers = await Promise.all(runs.map(async (run) => JSON.parse(await run.line()) as { owner: PortOwner; taken: PortReservation[] }))
  const ports = answers.flatMap(({ taken }) => taken.map(({ port }) => port))
  expect(ports).toHaveLength(20 * processes)
  expect(new Set(ports).size).toBe(20 * processes)
  // Each lock is in its place and names the one who thinks it has it.
  for (const { owner, taken } of answers) {
    for (const { lockFile } of taken) expect(JSON.parse(readFileSync(lockFile, 'utf8'))).toEqual(owner)
  }
  expect(readdirSync(locks).filter((name) => name.includes('.aside-'))).toEqual([])
})

test('of four processes that take over the same stale locks at once, one gets each', async () => {
  const stale = { pid: 999_999_999, startTime: 1, boot: bootId(), workspace: join(dir, 'gone') }
  const count = 500
  for (let port = 20_000; port < 20_000 + count; port += 1) writeFileSync(lockOf(port), JSON.stringify(stale))
  const runs = Array.from({ length: 4 }, (_, index) => start(fixture('takes-locks'), [locksModule, locks, '20000', String(count), join(dir, `w${index}`)]))
  for (const run of runs) expect(await run.line()).toBe('ready')
  for (const run of runs) run.process.stdin?.write('go\n')
  const answers = await Promise.all(runs.map(async (run) => JSON.parse(await run.line()) as { owner: PortOwner; taken: number[] }))
  const taken = answers.flatMap((answer) => answer.taken)
  expect(new Set(taken).size).toBe(taken.length)
  for (const { owner, taken: ports } of answers) {
    for (const port of ports) expect(JSON.parse(readFileSync(lockOf(port), 'utf8'))).toEqual(owner)
  }
  // Two may give way to each other; most are somebody's.
  expect(taken.length).toBeGreaterThan(count / 2)
  expect(readdirSync(locks).filter((name) => name.includes('.aside-'))).toEqual([])
})

test.each(['127.0.0.1', '0.0.0.0', '::', '::1'].map((host) => ({ host })))('a stranger that listens on $host is named, and lives on', async ({ host }) => {
  if (host.includes(':') && noIpv6) return
  const child = start(fixture('listens'), [host])
  const port = Number(await child.line())
  const identity = identify(child.pid)
  const error = await refusal(port)
  expect(error).toBeInstanceOf(UsageError)
  expect(String(error)).toMatch(new RegExp(`port ${port} is held by process ${child.pid}: .*listens\\.mjs.*\\n {2}next: .*another port`))
  expect(readdirSync(locks)).toEqual([])
  expect(identity && isAlive(identity)).toBe(true)
  await end(child.process)
  expect((await reservePort({ owner: me(), directory: locks, asked: port })).port).toBe(port)
})

test('a random choice passes over what somebody listens on', async () => {
  const { port } = await reservePort({ owner: me(), directory: locks, random: () => 0.25 })
  releasePort({ lockFile: lockOf(port) }, me())
  const child = start(fixture('listens'), ['127.0.0.1', String(port)])
  expect(await child.line()).toBe(String(port))
  expect((await reservePort({ owner: me(), directory: locks, random: () => 0.25 })).port).not.toBe(port)
})

test.runIf(isRoot)('a holder of another user is named as such', async () => {
  const port = await listen('127.0.0.1')
  const program = join(programs, 'asks.mjs')
  const own = join(programs, 'own-locks')
  mkdirSync(own)
  chownSync(own, nobody, nobody)
  writeFileSync(program, `import { reservePort } from ${JSON.stringify(module)}
    const owner = { pid: process.pid, startTime: 0, boot: '', workspace: '/nowhere' }
    console.log(JSON.stringify(await reservePort({ owner, directory: ${JSON.stringify(own)}, asked: ${port} }).catch(String)))`)
  const child = start(program, [], { uid: nobody })
  expect(JSON.parse(await child.line())).toMatch(new RegExp(`port ${port} is held by a process of another user.*\n  next: .*ss -ltnp`))
})

test.each([
  ['0', 0], ['65536', 65_536], ['a fraction', 4000.5],
])('%s is no port', async (_what, asked) => {
  expect(String(await refusal(asked))).toMatch(/is no port \(1 to 65535\)/)
})

test('a port that is excluded cannot be asked for', async () => {
  const port = await freePort()
  await expect(reservePort({ owner: me(), directory: locks, asked: port, exclude: [port] })).rejects.toThrow(/wanted twice/)
})

test('a port asked for is taken, and taken again by the same workspace', async () => {
  const port = await freePort()
  const workspace = makeWorkspace('workspace')
  writeFileSync(lockOf(port), JSON.stringify(await deadOwner(workspace)))
  const resumed = await reservePort({ owner: me(workspace), directory: locks, asked: port })
  expect(resumed).toEqual({ port, lockFile: lockOf(port) })
  expect(JSON.parse(readFileSync(resumed.lockFile, 'utf8'))).toEqual(me(workspace))
  expect(await reservePort({ owner: me(workspace), directory: locks, asked: port })).toEqual(resumed)
})

test.each([
  { of: 'a living run', message: (owner: PortOwner) => [`alive (pid ${owner.pid}, workspace ${owner.workspace})`], make: () => {
    const child = start(fixture('reserves-ports'), [module, locks, '1', join(dir, 'nowhere'), 'random'])
    return child.line().then(() => ({ pid: child.pid, startTime: identify(child.pid)?.startTime ?? 0, boot: bootId(), workspace: join(dir, 'nowhere') }))
  } },
  { of: 'a living run of the same workspace', message: (owner: PortOwner) => [`alive (pid ${owner.pid},`], make: () => {
    const child = start(fixture('reserves-ports'), [module, locks, '1', me().workspace, 'random'])
    return child.line().then(() => ({ ...me(), pid: child.pid, startTime: identify(child.pid)?.startTime ?? 0 }))
  } },
  { of: 'a kept workspace', message: (owner: PortOwner) => ['was kept', owner.workspace, `pid ${owner.pid}`], make: () => deadOwner(makeWorkspace('kept')) },
  { of: 'a kept workspace of an earlier boot', message: (owner: PortOwner) => ['was kept', owner.workspace],
    make: () => Promise.resolve({ ...me(makeWorkspace('kept')), boot: 'an earlier boot' }) },
])('the lock of $of holds', async ({ message, make }) => {
  const port = await freePort()
  const owner = await make()
  writeFileSync(lockOf(port), JSON.stringify(owner))
  const error = await refusal(port)
  expect(error).toBeInstanceOf(UsageError)
  for (const words of message(owner)) expect(String(error)).toContain(words)
  expect(clearStaleLocks(locks)).toEqual([])
  releasePort({ lockFile: lockOf(port) }, me())
  expect(JSON.parse(readFileSync(lockOf(port), 'utf8'))).toEqual(owner)
})

test.each([
  { of: 'a dead owner whose workspace is gone', make: () => deadOwner(join(dir, 'gone')) },
  { of: 'a dead owner whose workspace has no marker', make: () => {
    mkdirSync(join(dir, 'bare'))
    return deadOwner(join(dir, 'bare'))
  } },
  { of: 'an earlier boot, though a process has that pid and start time', make: () => Promise.resolve({ ...me(join(dir, 'gone')), boot: 'an earlier boot' }) },
  { of: 'a later process with the same pid', make: () => Promise.resolve({ ...me(join(dir, 'gone')), startTime: me().startTime - 1 }) },
])('the lock of $of is stale: it is cleared, and a port asked for is given', async ({ make }) => {
  const port = await freePort()
  const owner = await make()
  writeFileSync(lockOf(port), JSON.stringify(owner))
  expect(clearStaleLocks(locks)).toEqual([lockOf(port)])
  expect(readdirSync(locks)).toEqual([])
  writeFileSync(lockOf(port), JSON.stringify(owner))
  await reservePort({ owner: me(), directory: locks, asked: port })
  expect(JSON.parse(readFileSync(lockOf(port), 'utf8'))).toEqual(me())
  expect(readdirSync(locks)).toHaveLength(1)
})

test('a lock that is not written yet holds; one that never was is cleared', async () => {
  const port = await freePort()
  writeFileSync(lockOf(port), '')
  expect(clearStaleLocks(locks)).toEqual([])
  expect(String(await refusal(port))).toMatch(/locked by a run that takes it right now/)
  utimesSync(lockOf(port), 1000, 1000)
  expect(clearStaleLocks(locks)).toEqual([lockOf(port)])
})

test('what is no lock is not touched: a link, a directory, another name, a file of another user', async () => {
  const stale = JSON.stringify({ ...me(join(dir, 'gone')), boot: 'an earlier boot' })
  const precious = join(dir, 'precious.json')
  writeFileSync(precious, stale)
  symlinkSync(precious, lockOf(20_001))
  mkdirSync(lockOf(20_002))
  writeFileSync(join(locks, 'clone-smoke-port-x.json'), stale)
  writeFileSync(join(locks, 'clone-smoke-port-20003.json.bak'), stale)
  if (isRoot) {
    const program = join(programs, 'writes.mjs')
    writeFileSync(program, "import { writeFileSync } from 'node:fs'; writeFileSync(process.argv[2], process.argv[3]); console.log('done')")
    chmodSync(dir, 0o755)
    chmodSync(locks, 0o1777)
    await start(program, [lockOf(20_004), stale], { uid: nobody }).line()
    expect(statSync(lockOf(20_004)).uid).toBe(nobody)
    expect(String(await refusal(20_004))).toMatch(/locked by a run of another user \(uid 65534\)/)
  }
  const before = readdirSync(locks)
  expect(clearStaleLocks(locks)).toEqual([])
  releasePort({ lockFile: lockOf(20_001) }, me())
  releasePort({ lockFile: precious }, { ...me(join(dir, 'gone')), boot: 'an earlier boot' })
  expect(readdirSync(locks)).toEqual(before)
  expect(readFileSync(precious, 'utf8')).toBe(stale)
  expect(String(await refusal(20_001))).toMatch(/locked by a file that cannot be read \(ELOOP\)/)
  expect(clearStaleLocks(join(dir, 'no such directory'))).toEqual([])
})

test('a living lock that lies aside holds for everybody but its owner', async () => {
  const child = start(fixture('reserves-ports'), [module, locks, '1', join(dir, 'theirs'), 'random'])
  await child.line()
  child.process.stdin?.write('go\n')
  const { taken: [reservation], owner } = JSON.parse(await child.line()) as { taken: PortReservation[]; owner: PortOwner }
  const lockFile = reservation?.lockFile ?? ''
  // The mover lives: it is this process.
  const aside = `${lockFile}.aside-${process.pid}-abc`
  renameSync(lockFile, aside)
  expect(String(await refusal(reservation?.port ?? 0))).toMatch(/is locked by/)
  expect(readdirSync(locks).map((name) => join(locks, name))).toEqual([aside])
  expect(clearStaleLocks(locks)).toEqual([])
  expect(existsSync(aside)).toBe(true)
  releasePort({ lockFile }, owner)
  expect(readdirSync(locks)).toEqual([])
})

test('what a crash left aside is put back while its owner lives, and cleared when it is stale', async () => {
  const dead = await deadOwner(join(dir, 'gone'))
  writeFileSync(`${lockOf(20_001)}.aside-${dead.pid}-abc`, JSON.stringify(me()))
  writeFileSync(`${lockOf(20_002)}.aside-${dead.pid}-abc`, JSON.stringify(dead))
  expect(clearStaleLocks(locks)).toEqual([`${lockOf(20_002)}.aside-${dead.pid}-abc`])
  expect(readdirSync(locks).map((name) => join(locks, name))).toEqual([lockOf(20_001)])
})

test('releases only its own lock', async () => {
  const reservation = await reservePort({ owner: me(), directory: locks })
  releasePort(reservation, { ...me(), workspace: join(dir, 'other') })
  releasePort(reservation, { ...me(), startTime: 1 })
  expect(existsSync(reservation.lockFile)).toBe(true)
  releasePort(reservation, me())
  expect(readdirSync(locks)).toEqual([])
  releasePort(reservation, me())
})
