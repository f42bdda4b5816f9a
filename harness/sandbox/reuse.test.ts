import { execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import { bootId, identify, type ProcessIdentity } from '../processes/table.ts'
import { Bystanders } from '../testing/bystanders.ts'
import { appendToLedger } from './ledger.ts'
import { examineReuse, type ReuseExpected } from './reuse.ts'
import { readState, writeState } from './state.ts'
import { updateMarker } from './marker.ts'
import { markerFile } from './owner.ts'
import { createWorkspace } from './workspace.ts'

const dead = { pid: 1, startTime: -1, boot: bootId() }

let dir: string
let root: string
let origin: string
let commit: string
let port: number
const bystanders = new Bystanders()
const envFile = (): string => join(root, 'stack.env')
const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null' }
const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
const commitIn = (path: string): void => { git(path, 'commit', '--quiet', '--allow-empty', '--message', 'x') }

/** A workspace in which everything fits; each test breaks one thing. */
beforeEach(async () => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'reuse-')))
  origin = join(dir, 'origin')
  git(dir, 'init', '--quiet', '--initial-branch=main', origin)
  commitIn(origin)
  commit = git(origin, 'rev-parse', 'HEAD')
  port = await freePort()
  root = join(dir, 'w')
  const { paths } = createWorkspace(root, { suite: 'any', run: 'run-1', sandbox: 'id' })
  git(root, 'clone', '--quiet', origin, join(root, 'app'))
  updateMarker(root, { owner: dead, ports: { web: port }, sources: { app: { from: origin, kind: 'git', commit } } })
  appendToLedger(paths.ledger, { kind: 'sandbox', id: `id-of-${dir}`, workspace: root, results: join(dir, 'results'), boot: bootId(), keep: true, since: identify(process.pid)?.startTime ?? 0 })
  writeState(paths.state, { state: 'up', facts: { answer: 42 } })
  writeFileSync(envFile(), `WEB_PORT=${port}\n`)
})
afterEach(() => {
  bystanders.end()
  rmSync(dir, { recursive: true, force: true })
})

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => { resolve(typeof address === 'object' && address ? address.port : 0) })
    })
  })
}

const examine = (change: Partial<ReuseExpected> = {}, path = root): ReturnType<typeof examineReuse> => examineReuse(path, {
  suite: 'any', sources: { app: { from: origin, kind: 'git' } }, again: false, forceOutdated: false, environmentFiles: [envFile()], ports: {}, ...change,
})

/** A process that listens on the workspace's port, and says when it does. */
async function listen(options: { env?: Record<string, string>; host?: string } = {}): Promise<ProcessIdentity> {
  const { host = '127.0.0.1', ...more } = options
  const child = spawn(process.execPath, ['-e', `require('net').createServer().listen(${port}, '${host}', () => console.log('ready'))`], {
    stdio: ['ignore', 'pipe', 'ignore'], cwd: '/', env: {}, ...more,
  })
  const identity = bystanders.watch(child.pid)
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return identity
}

test('a workspace in which everything fits is told with its state, and nothing is touched', async () => {
  const content = (): string[] => readdirSync(root, { recursive: true }).map(String).toSorted()
  const before = [content(), readFileSync(join(root, markerFile), 'utf8')]
  const plan = await examine({ ports: { web: port, other: undefined } })
  expect(plan).toMatchObject({ marker: { run: 'run-1', ports: { web: port } }, paths: { root }, state: { state: 'up', facts: { answer: 42 } }, alive: false, outdated: [], notes: [] })
  expect([content(), readFileSync(join(root, markerFile), 'utf8')]).toEqual(before)
})

test("a port that is held by the sandbox's own process is in order", async () => {
  await listen({ env: { SMOKE_SANDBOX_ID: `id-of-${dir}` } })
  expect(await examine()).toMatchObject({ alive: true })
})

test.each(['127.0.0.1', '::'])('a port that is held by a stranger at %s is told with its pid and command', async (host) => {
  const stranger = await listen({ host, env: { SMOKE_SANDBOX_ID: 'another' } })
  await expect(examine()).rejects.toThrow(new RegExp(`port ${port} \\(web\\) of the workspace is held by process ${stranger.pid}: .*createServer`))
})

test('a source that moved on is refused with both commits, unless that is forced', async () => {
  commitIn(origin)
  const now = git(origin, 'rev-parse', 'HEAD')
  await expect(examine()).rejects.toThrow(new RegExp(`outdated: app is at ${commit}, and ${origin} at ${now}[^]*SMOKE_FORCE_OUTDATED=1`))
  expect(await examine({ forceOutdated: true })).toMatchObject({ outdated: ['app'], notes: [expect.stringContaining(now)] })
})

test('a source that cannot be asked is a note', async () => {
  renameSync(origin, `${origin}-2`)
  expect(await examine()).toMatchObject({ outdated: [], notes: [expect.stringContaining('does not answer')] })
})

test('a source that the workspace does not have yet may be asked for', async () => {
  expect(await examine({ sources: { app: { from: origin, kind: 'git' }, later: { from: '/x', kind: 'folder' } } })).toMatchObject({ outdated: [] })
})

const write = (name: string, text: string): void => { writeFileSync(join(root, name), text) }

test.each<[string, RegExp, () => Partial<ReuseExpected> | undefined]>([
  ['is of another suite', /is of suite any, and this run of other[^]*SMOKE_SUITE=any/, () => ({ suite: 'other' })],
  ['belongs to a living run', /alive \(pid \d+\)/, () => {
    updateMarker(root, { owner: { pid: process.pid, startTime: identify(process.pid)?.startTime ?? 0, boot: bootId() } })
    return undefined
  }],
  ['has no marker', /is not a clone-smoke workspace/, () => {
    rmSync(join(root, markerFile))
    return undefined
  }],
  ['is of an older version', /older version of clone-smoke \(marker schema 1\)[^]*clone-smoke cleanup/, () => {
    write(markerFile, JSON.stringify({ schema: 1, id: 'x', suite: 'any', createdAt: '', owner: dead }))
    return undefined
  }],
  ['is of a newer version', /newer version of clone-smoke \(marker schema 3\)/, () => {
    write(markerFile, JSON.stringify({ schema: 3 }))
    return undefined
  }],
  ['has a damaged marker', /marker of .* is damaged[^]*clone-smoke cleanup/, () => {
    write(markerFile, '{')
    return undefined
  }],
  ['can be written to by others', /others can write to it \(mode 777\)[^]*chmod go-w/, () => {
    chmodSync(root, 0o777)
    return undefined
  }],
  ['was moved', /was copied or moved/, () => {
    write('ledger.ndjson', readFileSync(join(root, 'ledger.ndjson'), 'utf8').replace(`"workspace":"${root}"`, '"workspace":"/elsewhere"'))
    return undefined
  }],
  ['has no ledger', /ledger\.ndjson is missing/, () => {
    rmSync(join(root, 'ledger.ndjson'))
    return undefined
  }],
  ['has no state', /there is no .*state\.json[^]*SMOKE_FORCE_BOOTSTRAP=1/, () => {
    rmSync(join(root, 'state.json'))
    return undefined
  }],
  ['has a state that cannot be read', /state\.json cannot be read/, () => {
    write('state.json', '{"schema"')
    return undefined
  }],
  ['has a state of another version', /state\.json is not what this version writes/, () => {
    write('state.json', '{"schema": 1, "state": "up", "facts": {}}')
    return undefined
  }],
  ['lost a checkout', /checkout .*app of source app is no git repository any more/, () => {
    rmSync(join(root, 'app', '.git'), { recursive: true })
    return undefined
  }],
  ['has a checkout without commits', /checkout .*app of source app cannot be read/, () => {
    rmSync(join(root, 'app', '.git', 'HEAD'))
    return undefined
  }],
  ['has a checkout at another commit', /checkout .*app of source app is at [0-9a-f]{40}, and was cloned at [0-9a-f]{40}/, () => {
    commitIn(join(root, 'app'))
    return undefined
  }],
  ['has a source from elsewhere', /source app of the workspace is from .*origin \(git\), and this run asks for \/other \(git\)/, () => ({ sources: { app: { from: '/other', kind: 'git' } } })],
  ['has a source at another ref', /this run asks for .*#side \(git\)/, () => ({ sources: { app: { from: origin, kind: 'git', ref: 'side' } } })],
  ['has a source of another kind', /this run asks for .* \(folder\)/, () => ({ sources: { app: { from: origin, kind: 'folder' } } })],
  ['has another port', /port web of the workspace is \d+, and this run asks for 1/, () => ({ ports: { web: 1 } })],
  ['lacks a port', /port more of the workspace is none, and this run asks for 2/, () => ({ ports: { more: 2 } })],
  ['lacks an environment file', /environment file .* is missing[^]*SMOKE_FORCE_BOOTSTRAP=1/, () => ({ environmentFiles: [join(root, 'no.env')] })],
  ['has an empty environment file', /environment file .* is empty/, () => {
    writeFileSync(envFile(), '\n')
    return undefined
  }],
  ['has an environment file that is a link', /environment file .* is a link/, () => {
    renameSync(envFile(), join(root, 'real.env'))
    symlinkSync(join(root, 'real.env'), envFile())
    return undefined
  }],
  ['has an environment file that is a pipe', /environment file .* is no regular file/, () => {
    rmSync(envFile())
    execFileSync('mkfifo', [envFile()])
    return undefined
  }],
  ['has an environment file with a longer number', /does not have port \d+ \(web\)/, () => {
    writeFileSync(envFile(), `WEB_PORT=${port}1\n`)
    return undefined
  }],
])('a workspace that %s is refused', async (_why, message, spoil) => {
  const change = spoil()
  const attempt = examine(change)
  await expect(attempt).rejects.toThrow(UsageError)
  await expect(attempt).rejects.toThrow(message)
})

test.each([
  ['is not there', /there is no workspace at/, () => join(dir, 'nothing')],
  ['is a file', /it is not a directory/, () => envFile()],
  ['is a link', /it is a link/, () => {
    symlinkSync(root, join(dir, 'link'))
    return join(dir, 'link')
  }],
])('a path that %s is refused', async (_why, message, path) => {
  await expect(examine({}, path())).rejects.toThrow(message)
})

test('a state is read as it was written', () => {
  const file = join(dir, 'state.json')
  const state = { state: 'up', facts: { a: [1, { b: null }] }, broken: { lane: 'l', why: 'w' }, paused: { lane: 'l', stage: 's', received: 3 } }
  writeState(file, state)
  expect(readState(file)).toEqual({ schema: 2, ...state })
  mkdirSync(join(dir, 'x'))
  expect(() => { writeState(join(dir, 'x', 'no', 'file'), state) }).toThrow(/ENOENT/)
  expect(() => readState(join(dir, 'x'))).toThrow(/no regular file/)
})
