import { execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import { bootId } from '../processes/table.ts'
import { checkMayBeReplaced } from './protected.ts'
import { updateMarker } from './marker.ts'
import { createWorkspace } from './workspace.ts'

let dir: string
let mounted: string[]
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'prot-')))
  mounted = []
})
afterEach(() => {
  for (const point of mounted) execFileSync('umount', [point])
  rmSync(dir, { recursive: true, force: true })
})

const check = (path: string): void => {
  checkMayBeReplaced(path, { cwd: inDir('a/cwd'), home: inDir('people/home'), keepOut: [inDir('kept/results')] })
}
/** A directory of the test, made if need be, with a file in it. */
function inDir(path: string): string {
  const full = join(dir, path)
  mkdirSync(full, { recursive: true })
  writeFileSync(join(full, 'precious.txt'), 'x')
  return full
}
function workspaceIn(path: string, { alive }: { alive: boolean }): string {
  const { root } = createWorkspace(join(dir, path), { suite: 'any', run: 'r', sandbox: 's' }).paths
  if (!alive) updateMarker(root, { owner: { pid: 1, startTime: -1, boot: bootId() } })
  return root
}

test.each([
  ['a directory of files', () => inDir('plain/deep')],
  ['what is not there', () => join(dir, 'nothing')],
  ['a directory beside the current one', () => inDir('a/other')],
  ['a directory in a home', () => inDir('people/home/work')],
  ['a workspace in a hidden directory of a home', () => workspaceIn('people/home/.w', { alive: false })],
  ['a dead workspace with checkouts', () => {
    const root = workspaceIn('w', { alive: false })
    mkdirSync(join(root, 'checkout', '.git'), { recursive: true })
    return root
  }],
  ['a dead workspace in a repository', () => {
    inDir('repository/.git')
    return workspaceIn('repository/w', { alive: false })
  }],
])('%s may be emptied', (_what, path) => {
  expect(() => { check(path()) }).not.toThrow()
})

test.each([
  ['the root', /the root of the file system/, () => '/'],
  ['a first-level directory', /a directory of the system/, () => '/var'],
  ['a directory of the temp dir above', /a directory of the system|temporary files/, () => '/tmp'],
  ['a tree of the system', /a directory of the system/, () => '/usr/share'],
  ['a shelf of the system', /a directory of the system/, () => '/var/lib'],
  ['the temp dir', /temporary files|a directory of the system/, () => realpathSync(tmpdir())],
  ['another temp dir', /temporary files|a directory of the system/, () => '/var/tmp'],
  ['the home', /is the home/, () => inDir('people/home')],
  ['above the home', /holds the home/, () => inDir('people')],
  ['settings of the home', /settings of the home/, () => inDir('people/home/.config')],
  ["this user's own home", /is the home|a directory of the system/, homedir],
  ['the current directory', /is the current directory/, () => inDir('a/cwd')],
  ['above the current directory', /holds the current directory/, () => inDir('a')],
  ['what is kept out', /which this run needs/, () => inDir('kept/results')],
  ['above what is kept out', /holds .*which this run needs/, () => inDir('kept')],
  ['in what is kept out', /lies in .*which this run needs/, () => inDir('kept/results/old')],
  ['a file', /not a directory/, () => join(inDir('plain'), 'precious.txt')],
  ['a link', /it is a link/, () => {
    symlinkSync(inDir('plain'), join(dir, 'link'))
    return `${join(dir, 'link')}/`
  }],
  ['a repository', /is a git repository/, () => {
    execFileSync('git', ['init', '--quiet', inDir('repository')])
    return join(dir, 'repository')
  }],
  ['a workspace that became a repository', /is a git repository/, () => {
    const root = workspaceIn('w', { alive: false })
    execFileSync('git', ['init', '--quiet', root])
    return root
  }],
  ['a bare repository', /is a git repository/, () => {
    execFileSync('git', ['init', '--quiet', '--bare', inDir('bare.git')])
    return join(dir, 'bare.git')
  }],
  ['a worktree, whose .git is a file', /is a git repository/, () => {
    writeFileSync(join(inDir('tree'), '.git'), 'gitdir: /somewhere\n')
    return join(dir, 'tree')
  }],
  ['a repository far below', /holds the git repository/, () => {
    inDir('deep/src/host/owner/name/.git')
    return join(dir, 'deep')
  }],
  ['inside a repository', /lies in the git repository/, () => {
    inDir('repository/.git')
    return inDir('repository/a/b')
  }],
  ['above a repository', /holds the git repository/, () => {
    inDir('above/1/2/3/.git')
    return join(dir, 'above')
  }],
  ['a workspace whose owner lives', /alive \(pid \d+\)/, () => workspaceIn('w', { alive: true })],
  ['above a workspace whose owner lives', /holds .*alive \(pid \d+\)/, () => {
    workspaceIn('above/w', { alive: true })
    return join(dir, 'above')
  }],
  ['a workspace of a newer version with an owner of another form', /newer version/, () => {
    writeFileSync(join(inDir('newer'), '.clone-smoke.json'), '{"schema": 9, "owner": "a"}')
    return join(dir, 'newer')
  }],
])('%s is refused', (_what, reason, makeIt) => {
  const path = makeIt()
  const attempt = (): void => { check(path) }
  expect(attempt).toThrow(UsageError)
  expect(attempt).toThrow(reason)
})

test('the temp dir, and what holds it, is refused wherever it is', () => {
  const before = process.env.TMPDIR
  const own = inDir('mine/temp')
  try {
    process.env.TMPDIR = own
    expect(() => { check(own) }).toThrow(/temporary files/)
    expect(() => { check(join(dir, 'mine')) }).toThrow(/temporary files/)
    expect(() => { check(inDir('mine/temp/w')) }).not.toThrow()
  } finally {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  }
})

test('every home that the machine knows is refused, also of a user who is not this one', () => {
  const homes = readFileSync('/etc/passwd', 'utf8').split('\n').map((line) => line.split(':')[5] ?? '').filter((home) => home.startsWith('/') && existsSync(home))
  expect(homes.length).toBeGreaterThan(0)
  for (const home of homes) expect(() => { check(home) }, home).toThrow(UsageError)
})

test.each(['/proc', '/proc/sys', '/sys', '/dev/shm', '/dev/pts'].filter((path) => existsSync(path)))('%s is refused', (path) => {
  expect(() => { check(path) }).toThrow(UsageError)
})

test('a mount point, and what holds one, is refused', ({ skip }) => {
  const point = inDir('holds/a point')
  try {
    execFileSync('mount', ['--bind', inDir('source'), point], { stdio: 'ignore' })
  } catch {
    skip('this machine does not let its user mount')
  }
  mounted.push(point)
  expect(() => { check(point) }).toThrow(/is a mount point/)
  expect(() => { check(join(dir, 'holds')) }).toThrow(/a point in it is a mount point/)
  expect(() => { check(inDir('holds/another')) }).not.toThrow()
})

test('a directory of another user is refused', ({ skip }) => {
  if (process.getuid?.() !== 0) skip('only root can give a directory away')
  const path = inDir('theirs')
  chownSync(path, 65534, 65534)
  expect(() => { check(path) }).toThrow(/belongs to user 65534/)
})
