import { spawn, execFileSync } from 'node:child_process'
import { chmodSync, linkSync, lutimesSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compiled } from './fixtures/compiled.ts'
import { compareHost, defaultHostPaths, snapshotHost, type HostSnapshot } from './host-paths.ts'
import { makeOpenTemporary } from '../testing/open-temporary.ts'

const isRoot = process.getuid?.() === 0

let dir: string
beforeEach(() => {
  dir = makeOpenTemporary('host-paths-')
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const at = (...names: string[]): string => join(dir, 'host', ...names)

/** A small home: a file, a link, and a directory with a file in a directory. */
function makeHome(): void {
  mkdirSync(at('settings', 'deep'), { recursive: true })
  writeFileSync(at('file'), 'abc')
  writeFileSync(at('settings', 'one'), '1')
  writeFileSync(at('settings', 'deep', 'two'), '2')
  symlinkSync('/nowhere', at('link'))
}

const watched = (): string[] => [at('file'), at('link'), at('settings'), at('absent')]
const told = (sentences: readonly string[]): string[] => sentences.map((sentence) => sentence.replaceAll(`${at()}/`, ''))

test.each([
  { what: 'nothing', change: () => undefined, sentences: [] },
  { what: 'the content of a file', change: () => { writeFileSync(at('file'), 'abcdefghi') }, sentences: [/^file was changed \(size 3 -> 9\)$/] },
  { what: 'content of the same size', change: () => {
    writeFileSync(at('file'), 'xyz')
    utimesSync(at('file'), 1, 1)
  }, sentences: [/^file was changed \(written 1970-01-01T00:00:01\.000Z\)$/] },
  { what: 'a mode', change: () => { chmodSync(at('file'), 0o600) }, sentences: [/^file was changed \(mode 644 -> 600\)$/] },
  { what: 'another file in its place, with the same size and time', change: () => {
    const { atime, mtime } = statSync(at('settings', 'one'))
    writeFileSync(at('new'), '9')
    utimesSync(at('new'), atime, mtime)
    renameSync(at('new'), at('settings', 'one'))
  }, sentences: [/^settings\/one was changed \(replaced by another\)$/] },
  { what: 'a link', change: () => {
    rmSync(at('link'))
    symlinkSync('/elsewhere', at('link'))
  }, sentences: [/^link was changed \(target \/nowhere -> \/elsewhere/] },
  { what: 'a link in the place of a file', change: () => {
    rmSync(at('file'))
    symlinkSync('/nowhere', at('file'))
  }, sentences: [/^file was changed \(type file -> link\)$/] },
  { what: 'a file that was not there', change: () => { writeFileSync(at('absent'), '') }, sentences: [/^absent was made$/] },
  { what: 'a tree that was not there', change: () => { mkdirSync(at('absent', 'a', 'b'), { recursive: true }) }, sentences: [/^absent was made$/] },
  { what: 'a file that is gone', change: () => { rmSync(at('file')) }, sentences: [/^file was removed$/] },
  { what: 'a tree that is gone', change: () => { rmSync(at('settings'), { recursive: true }) }, sentences: [/^settings was removed$/] },
  { what: 'a new entry', change: () => { writeFileSync(at('settings', 'deep', 'new'), '') }, sentences: [/^settings\/deep\/new was made$/] },
  { what: 'a removed entry', change: () => { rmSync(at('settings', 'one')) }, sentences: [/^settings\/one was removed$/] },
  { what: 'an entry that came and went', change: () => {
    writeFileSync(at('settings', 'new'), '')
    rmSync(at('settings', 'new'))
    utimesSync(at('settings'), 1, 1)
  }, sentences: [/^settings was changed \(something in it came and went\)$/] },
  { what: 'only times of reading', change: () => {
    for (const path of [at('file'), at('settings')]) utimesSync(path, 1, statSync(path, { bigint: false }).mtime)
  }, before: () => {
    for (const path of [at('file'), at('settings')]) utimesSync(path, 2, 2)
  }, sentences: [] },
  { what: 'something outside', change: () => { writeFileSync(at('other'), 'x') }, sentences: [] },
])('tells $what', ({ change, before, sentences }) => {
  makeHome()
  chmodSync(at('file'), 0o644)
  before?.()
  const earlier = snapshotHost(watched())
  change()
  const found = told(compareHost(earlier, snapshotHost(watched())))
  expect(found).toHaveLength(sentences.length)
  for (const [index, sentence] of sentences.entries()) expect(found[index]).toMatch(sentence)
})

test('links are not followed, neither one that was asked for nor one in a directory', () => {
  mkdirSync(at('settings'), { recursive: true })
  mkdirSync(join(dir, 'outside'))
  symlinkSync(join(dir, 'outside'), at('settings', 'out'))
  symlinkSync(join(dir, 'outside'), at('top'))
  symlinkSync('.', at('settings', 'loop'))
  const paths = [at('settings'), at('top')]
  const before = snapshotHost(paths)
  expect([...before.keys()].map((path) => relative(at(), path)).toSorted()).toEqual(['settings', 'settings/loop', 'settings/out', 'top'])
  writeFileSync(join(dir, 'outside', 'x'), '')
  expect(compareHost(before, snapshotHost(paths))).toEqual([])
  lutimesSync(at('top'), 5, 5)
  expect(compareHost(before, snapshotHost(paths))).toHaveLength(1)
})

test('a path in the home is told as one', () => {
  const path = join(homedir(), 'no-such-file-of-anybody')
  const one: HostSnapshot = new Map([[path, JSON.stringify({ type: 'file', size: '3' })]])
  const other: HostSnapshot = new Map([[path, JSON.stringify({ type: 'file', size: '9' })]])
  expect(compareHost(one, other)).toEqual(['~/no-such-file-of-anybody was changed (size 3 -> 9)'])
})

test('a path with too many entries is recorded as such, and only its top level is compared', () => {
  makeHome()
  for (let index = 0; index < 30; index += 1) writeFileSync(at('settings', 'deep', `f${index}`), '')
  const take = (most = 20): HostSnapshot => snapshotHost([at('settings')], { most })
  const before = take()
  expect([...before.keys()].map((path) => relative(at(), path)).toSorted()).toEqual(['settings', 'settings/deep', 'settings/one'])
  expect(before.get(at('settings'))).toContain('tooLarge')
  writeFileSync(at('settings', 'deep', 'f0'), 'deep')
  expect(compareHost(before, take())).toEqual([])
  writeFileSync(at('settings', 'one'), 'changed')
  expect(told(compareHost(before, take()))).toEqual(['settings/one was changed (size 1 -> 7)'])
  // The other is whole: what only it could see is no news.
  expect(told(compareHost(before, take(1000)))).toEqual(['settings/one was changed (size 1 -> 7)'])
  expect(told(compareHost(take(1000), take()))).toEqual([])
})

test('a single directory with more entries than are looked at does not fail', () => {
  mkdirSync(at('settings'), { recursive: true })
  for (let index = 0; index < 30; index += 1) writeFileSync(at('settings', `f${String(index).padStart(2, '0')}`), '')
  const before = snapshotHost([at('settings')], { most: 10 })
  expect(before.size).toBe(11)
  writeFileSync(at('settings', 'f00'), 'x')
  expect(told(compareHost(before, snapshotHost([at('settings')], { most: 10 })))).toEqual(['settings/f00 was changed (size 0 -> 1)'])
})

test('names that are no UTF-8, pipes and hard links', () => {
  mkdirSync(at('settings'), { recursive: true })
  const odd = (byte: number): Buffer => Buffer.concat([Buffer.from(`${at('settings')}/x`), Buffer.from([byte])])
  writeFileSync(odd(0xff), '')
  writeFileSync(odd(0xfe), '')
  execFileSync('mkfifo', [at('settings', 'pipe')])
  linkSync(odd(0xff), at('settings', 'hard'))
  const before = snapshotHost([at('settings')])
  expect(before.size).toBe(5)
  rmSync(odd(0xfe))
  expect(compareHost(before, snapshotHost([at('settings')]))).toEqual([expect.stringMatching(/settings\/x. was removed$/)])
})

test('a directory that cannot be read is recorded as such, and what is in it is no news when it can', async () => {
  makeHome()
  chmodSync(dir, 0o755)
  chmodSync(at('settings', 'deep'), 0o000)
  const module = await compiled(fileURLToPath(new URL('host-paths.ts', import.meta.url)), dir)
  // Root may read everything, so another user looks.
  const look = (): HostSnapshot => new Map(JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', `
    import { snapshotHost } from ${JSON.stringify(module)}
    console.log(JSON.stringify([...snapshotHost([${JSON.stringify(at('settings'))}, ${JSON.stringify(at('settings', 'deep', 'two'))}])]))
  `], { encoding: 'utf8', cwd: '/', ...(isRoot && { uid: 65_534 }) })) as [string, string][])
  const before = look()
  expect(JSON.parse(before.get(at('settings', 'deep')) ?? '')).toMatchObject({ type: 'directory', problem: 'EACCES' })
  expect(JSON.parse(before.get(at('settings', 'deep', 'two')) ?? '')).toMatchObject({ type: 'unreadable', problem: 'EACCES' })
  expect(compareHost(before, look())).toEqual([])
  chmodSync(at('settings', 'deep'), 0o755)
  expect(told(compareHost(before, look()))).toEqual(['settings/deep was changed (readable now, mode 0 -> 755)'])
})

test('survives files that vanish while it looks', async () => {
  mkdirSync(at('busy'), { recursive: true })
  const child = spawn(process.execPath, ['-e', `
    const fs = require('node:fs')
    process.chdir(${JSON.stringify(at('busy'))})
    console.log('ready')
    for (;;) for (let i = 0; i < 40; i += 1) { fs.mkdirSync('d' + i + '/e', { recursive: true }); fs.writeFileSync('d' + i + '/e/f', ''); fs.rmSync('d' + (i * 7 % 40), { recursive: true, force: true }) }
  `], { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    await new Promise((resolve) => { child.stdout.once('data', resolve) })
    let different = 0
    let last = snapshotHost([at('busy')])
    for (let count = 0; count < 300; count += 1) {
      const now = snapshotHost([at('busy')])
      if (compareHost(last, now).length > 0) different += 1
      expect([...now.values()].filter((state) => state.includes('"absent"') || state.includes('problem'))).toEqual([])
      last = now
    }
    expect(different).toBeGreaterThan(0)
  } finally {
    const gone = new Promise((resolve) => { child.once('exit', resolve) })
    child.kill('SIGKILL')
    await gone
  }
})

test('reading a file leaves no mark', () => {
  makeHome()
  const before = snapshotHost(watched())
  readFileSync(at('file'))
  execFileSync('ls', ['-lR', at()])
  expect(compareHost(before, snapshotHost(watched()))).toEqual([])
})

test('the settings of git, npm, pm2 and the agent are watched, and nothing that is written all the time', () => {
  const paths = defaultHostPaths('/home/you')
  for (const name of ['.gitconfig', '.npmrc', '.pm2/touch', '.codex/config.toml', '.bashrc']) expect(paths).toContain(join('/home/you', name))
  expect(new Set(paths).size).toBe(paths.length)
  const whole = ['', '.pm2', '.codex', '.claude', '.config', '.cache', '.npm', '.ssh', '.local', '.cargo', '.docker']
  expect(paths.filter((path) => whole.includes(relative('/home/you', path)) || /history|session|log|cache|known_hosts/i.test(path))).toEqual([])
})

test('what the pm2 of a leaking run writes to a home is seen', () => {
  const home = at('home')
  mkdirSync(home, { recursive: true })
  const before = snapshotHost(defaultHostPaths(home))
  const pm2 = fileURLToPath(new URL('../../node_modules/pm2/bin/pm2', import.meta.url))
  const run = (...args: string[]): unknown => execFileSync(process.execPath, [pm2, ...args], { env: { PATH: process.env.PATH, HOME: home, PM2_HOME: join(home, '.pm2') }, stdio: 'pipe' })
  try {
    run('ping')
    expect(told(compareHost(before, snapshotHost(defaultHostPaths(home))))).toEqual(expect.arrayContaining(['home/.pm2/touch was made', 'home/.pm2/pm2.pid was made', 'home/.pm2/rpc.sock was made']))
  } finally {
    run('kill')
  }
})
