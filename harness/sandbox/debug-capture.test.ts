import { execFileSync } from 'node:child_process'
import { appendFileSync, chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, statSync, symlinkSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { createProcessHost } from '../processes/host.ts'
import type { ProcessHost } from '../processes/process.ts'
import { isAlive, type ProcessIdentity } from '../processes/table.ts'
import { captureDebugLogs, markDebugLogs, startCollectors, type DebugMark } from './debug-capture.ts'
import { finishLedger } from './finish.ts'
import { appendToLedger, readLedger } from './ledger.ts'

const now = new Date('2026-11-21T08:15:00Z')

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'debug-capture-'))
  mkdirSync(join(dir, 'w', 'a'), { recursive: true })
  mkdirSync(join(dir, 'w', 'b'))
  mkdirSync(join(dir, 'outside'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const inside = (...names: string[]): string => join(dir, 'w', ...names)
const copied = (name: string, target = 't'): string => readFileSync(join(dir, target, name), 'utf8')
const capture = (mark: DebugMark, targets: readonly string[] = [join(dir, 't')]): ReturnType<typeof captureDebugLogs> =>
  captureDebugLogs(mark, { stage: 'install', now, targets })

test('copies what matches to every target, dot files too, readable by nobody else', () => {
  const mark = markDebugLogs(inside(), ['**/*.log', '.debug'])
  writeFileSync(inside('a', 'server.log'), 'one')
  writeFileSync(inside('.hidden.log'), 'two')
  writeFileSync(inside('.debug'), 'three')
  writeFileSync(inside('other.txt'), 'no')
  expect(capture(mark, [join(dir, 't'), join(dir, 'u', 'deep')])).toEqual({
    files: ['20261121-081500-install-.debug.log', '20261121-081500-install-.hidden.log', '20261121-081500-install-server.log'], notes: [],
  })
  for (const target of ['t', 'u/deep']) {
    expect(copied('20261121-081500-install-server.log', target)).toBe('one')
    expect(copied('20261121-081500-install-.hidden.log', target)).toBe('two')
    expect(copied('20261121-081500-install-.debug.log', target)).toBe('three')
    expect(statSync(join(dir, target, '20261121-081500-install-.debug.log')).mode & 0o777).toBe(0o600)
  }
})

const long = 'x'.repeat(5000)
test.each([
  { what: 'was appended to', before: 'old\n', change: (file: string) => { appendFileSync(file, 'new\n') }, content: 'new\n' },
  { what: 'is long and was appended to', before: long, change: (file: string) => { appendFileSync(file, 'new\n') }, content: 'new\n' },
  { what: 'is new', before: undefined, change: (file: string) => { writeFileSync(file, 'new') }, content: 'new' },
  { what: 'was empty', before: '', change: (file: string) => { appendFileSync(file, 'new') }, content: 'new' },
  { what: 'is as it was', before: 'old', change: () => undefined, content: undefined },
  { what: 'is empty', before: undefined, change: (file: string) => { writeFileSync(file, '') }, content: undefined },
  { what: 'shrank', before: 'a long line\n', change: (file: string) => { writeFileSync(file, 'new\n') }, content: 'new\n' },
  { what: 'was emptied', before: 'old', change: (file: string) => { truncateSync(file) }, content: undefined },
  { what: 'was written anew and is longer than before', before: 'old\n', change: (file: string) => { writeFileSync(file, 'a new and longer line\n') }, content: 'a new and longer line\n' },
  { what: 'was written anew with as many bytes', before: 'old', change: (file: string) => {
    writeFileSync(file, 'new')
    utimesSync(file, 1, 1)
  }, content: 'new' },
  { what: 'was replaced by one that begins with the same', before: 'old\n', change: (file: string) => {
    writeFileSync(`${file}.new`, 'old\nnew\n')
    renameSync(`${file}.new`, file)
  }, content: 'old\nnew\n' },
  { what: 'is larger than one read', before: 'old', change: (file: string) => { appendFileSync(file, 'y'.repeat(3_000_001)) }, content: 'y'.repeat(3_000_001) },
])('of a file that $what, copies what is new', ({ before, change, content }) => {
  const file = inside('server.log')
  if (before !== undefined) writeFileSync(file, before)
  const mark = markDebugLogs(inside(), ['*.log'])
  change(file)
  const name = '20261121-081500-install-server.log'
  expect(capture(mark)).toEqual({ files: content === undefined ? [] : [name], notes: [] })
  if (content !== undefined) expect(copied(name) === content).toBe(true)
  else expect(readdirSync(join(dir, 't'))).toEqual([])
})

test('two files of the same base name keep their own, also against what is there already', () => {
  const mark = markDebugLogs(inside(), ['**/*.log'])
  writeFileSync(inside('a', 'server.log'), 'a')
  writeFileSync(inside('b', 'server.log'), 'b')
  writeFileSync(inside('a-server.log'), 'c')
  const first = capture(mark)
  expect(first.files.map((name) => [name, copied(name)])).toEqual([
    ['20261121-081500-install-a-server.log', 'c'],
    ['20261121-081500-install-a-server-2.log', 'a'],
    ['20261121-081500-install-b-server.log', 'b'],
  ])
  const again = capture(mark)
  expect(again.files).toHaveLength(3)
  expect(new Set([...first.files, ...again.files]).size).toBe(6)
  expect(copied(first.files[0] ?? '')).toBe('c')
})

test('odd names of files and stages make plain names', () => {
  const mark = markDebugLogs(inside(), ['*'])
  writeFileSync(inside('a b\nc;$.log'), '1')
  writeFileSync(inside(`${'n'.repeat(250)}.log`), '2')
  const { files, notes } = captureDebugLogs(mark, { stage: '../up/x', now, targets: [join(dir, 't')] })
  expect(notes).toEqual([])
  expect(files).toHaveLength(2)
  expect(files[0]).toBe('20261121-081500-.._up_x-a_b_c__.log')
  expect(readdirSync(join(dir, 't')).toSorted()).toEqual(files.toSorted())
})

test('only regular files of the workspace: no links, no pipes, nothing above', () => {
  writeFileSync(join(dir, 'outside', 'secret.log'), 'secret')
  writeFileSync(join(dir, 'above.log'), 'secret')
  symlinkSync(join(dir, 'outside', 'secret.log'), inside('link.log'))
  symlinkSync(join(dir, 'outside'), inside('linked'))
  execFileSync('mkfifo', [inside('pipe.log')])
  mkdirSync(inside('directory.log'))
  const mark = markDebugLogs(inside(), ['**/*.log', '../*.log', 'linked/secret.log', join(dir, 'outside', '*.log')])
  const { files, notes } = capture(mark)
  expect(files).toEqual([])
  expect(readdirSync(join(dir, 't'))).toEqual([])
  // Links and pipes do not even match; what a glob finds above is refused.
  expect(notes).toEqual(['above.log', 'outside/secret.log'].map((name) => `../${name} was not copied: it is outside the workspace: ${join(dir, name)}`))
})

test('a workspace that is reached through a link is the workspace', () => {
  symlinkSync(inside(), join(dir, 'link'))
  const mark = markDebugLogs(join(dir, 'link'), ['*.log'])
  writeFileSync(inside('x.log'), 'x')
  expect(capture(mark).files).toHaveLength(1)
})

test('a target in the workspace that matches is not copied into itself', () => {
  const mark = markDebugLogs(inside(), ['**/*.log'])
  writeFileSync(inside('x.log'), 'x')
  const target = inside('logs')
  expect(capture(mark, [target]).files).toHaveLength(1)
  expect(capture(mark, [target]).files).toHaveLength(1)
  expect(readdirSync(target)).toHaveLength(2)
})

test('node_modules is looked into only when a glob says so', () => {
  mkdirSync(inside('a', 'node_modules', 'p'), { recursive: true })
  const marks = [['**/*.log'], ['**/node_modules/**/*.log']].map((globs) => markDebugLogs(inside(), globs))
  writeFileSync(inside('a', 'node_modules', 'p', 'x.log'), 'x')
  expect(marks.map((mark) => capture(mark).files.length)).toEqual([0, 1])
})

test('what cannot be copied is a sentence, and the rest is copied all the same', () => {
  const mark = markDebugLogs(inside(), ['*.log'])
  writeFileSync(inside('x.log'), 'x')
  writeFileSync(join(dir, 'file'), '')
  const { files, notes } = capture(mark, [join(dir, 'file'), join(dir, 't')])
  expect(files).toEqual(['20261121-081500-install-x.log'])
  expect(copied('20261121-081500-install-x.log')).toBe('x')
  expect(notes).toEqual([expect.stringMatching(/^no debug log can be copied to .*file: EEXIST/)])
  expect(capture(mark, [join(dir, 'file')])).toMatchObject({ files: [] })
})

test('a workspace that is gone has nothing', () => {
  const mark = markDebugLogs(inside(), ['*.log'])
  rmSync(inside(), { recursive: true })
  expect(capture(mark)).toEqual({ files: [], notes: [] })
  expect(markDebugLogs(inside(), ['*.log']).since.size).toBe(0)
})

const bin = (): string => join(dir, 'bin')

/** A program of that name on the PATH of the collectors. */
function program(name: string, script: string): void {
  mkdirSync(bin(), { recursive: true })
  writeFileSync(join(bin(), name), `#!/bin/sh\n${script}\n`)
  chmodSync(join(bin(), name), 0o755)
}

const ledger = (): string => join(dir, 'ledger.ndjson')

async function withCollectors(path: string, work: (collectors: { stop(): Promise<readonly string[]> }, host: ProcessHost) => Promise<void>): Promise<void> {
  const host = createProcessHost(ledger())
  const collectors = await startCollectors({ host, stage: 'install', directory: join(dir, 't'), cwd: dir, env: { PATH: path }, now })
  try {
    await work(collectors, host)
  } finally {
    await collectors.stop()
  }
}

const sessions = (): ProcessIdentity[] => readLedger(ledger()).flatMap((entry) => entry.kind === 'session' ? [entry.leader] : [])
const log = (name: string): string => join(dir, 't', `20261121-081500-install-${name}.log`)
const has = (name: string, pattern: RegExp): Promise<true> => waitFor(
  () => (existsSync(log(name)) && pattern.test(readFileSync(log(name), 'utf8'))) || undefined,
  { deadlineMs: 20_000, otherwise: () => new Error(`${name} has not written ${String(pattern)}`) },
)

test('collectors write until they are stopped, and nothing of them lives on', async () => {
  const lines = Array.from({ length: 300 }, (_, index) => `kernel line ${index}`)
  writeFileSync(join(dir, 'kernel.txt'), `${lines.join('\n')}\n`)
  program('vmstat', 'echo "vmstat $*"; exec sleep 600')
  program('top', 'echo "top $* $TERM"; sleep 600')
  program('dmesg', `[ "$*" = --level=err,warn ] && cat '${join(dir, 'kernel.txt')}'`)
  await withCollectors(`${bin()}:/usr/bin:/bin`, async (collectors) => {
    await has('vmstat', /^vmstat 1\n$/)
    await has('top', /^top -b -d 5 dumb\n$/)
    expect(sessions().filter(isAlive)).toHaveLength(2)
    expect(existsSync(log('dmesg'))).toBe(false)
    expect(await collectors.stop()).toEqual([])
    expect(sessions().filter(isAlive)).toEqual([])
    expect(readFileSync(log('dmesg'), 'utf8')).toBe(`${lines.slice(100).join('\n')}\n`)
    expect(await collectors.stop()).toEqual([])
    expect(sessions()).toHaveLength(3)
  })
})

test('a collector that is not there, one that refuses and one that ends early are notes', async () => {
  program('vmstat', 'echo "no such device" >&2; exit 3')
  program('dmesg', 'echo "dmesg: read kernel buffer failed: Operation not permitted" >&2; exit 1')
  await withCollectors(bin(), async (collectors) => {
    await waitFor(() => (sessions().every((leader) => !isAlive(leader)) && readLedger(ledger()).some(({ kind }) => kind === 'session-ended')) || undefined, {
      deadlineMs: 20_000, otherwise: () => new Error('it has not ended'),
    })
    const notes = await collectors.stop()
    expect(notes).toEqual([
      expect.stringMatching(/^top was not collected: .*ENOENT/),
      'vmstat ended by itself: exit code 3: no such device',
      'dmesg was not collected: exit code 1: dmesg: read kernel buffer failed: Operation not permitted',
    ])
    expect(readdirSync(join(dir, 't'))).toEqual(['20261121-081500-install-vmstat.log'])
  })
})

test('logs that cannot be written are notes', async () => {
  writeFileSync(join(dir, 't'), 'a file')
  await withCollectors('/usr/bin:/bin', async (collectors) => {
    const notes = await collectors.stop()
    expect(notes.filter((note) => /^(vmstat|top) was not collected: /.test(note))).toHaveLength(2)
    expect(readFileSync(join(dir, 't'), 'utf8')).toBe('a file')
  })
})

test('collectors are in the ledger: a janitor would end them', async () => {
  appendToLedger(ledger(), { kind: 'sandbox', id: `id-of-${dir}`, workspace: inside(), results: join(dir, 'results'), boot: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(), keep: false, since: 0 })
  program('vmstat', 'exec sleep 600')
  program('top', 'exec sleep 600')
  await withCollectors(`${bin()}:/usr/bin:/bin`, async () => {
    expect(sessions().filter(isAlive)).toHaveLength(2)
    expect(await finishLedger(ledger(), { harness: false })).toMatchObject({ leftovers: [] })
    expect(sessions().filter(isAlive)).toEqual([])
  })
})
