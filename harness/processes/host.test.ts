import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { readLedger } from '../sandbox/ledger.ts'
import { createProcessHost } from './host.ts'
import type { Command } from './process.ts'
import { commandOf, readProcess, readProcesses } from './table.ts'

const fixture = (name: string): string => fileURLToPath(new URL(`fixtures/${name}.mjs`, import.meta.url))
const lives = (pid: number): boolean => readProcess(pid)?.zombie === false

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'host-test-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const ledger = (): string => join(dir, 'ledger.ndjson')
const command = (args: readonly string[], more: Partial<Command> = {}): Command => ({
  name: 'probe', file: process.execPath, args, cwd: dir, env: {},
  stdout: join(dir, 'out.log'), stderr: join(dir, 'err.log'), deadlineMs: 20_000, ...more,
})

test('keeps stdout and stderr apart, line by line, and says how it ended', async () => {
  const lines: string[] = []
  const child = await createProcessHost(ledger()).start(command(
    ['-e', 'console.log("one"); console.error("two"); process.stdout.write("three without newline"); process.exitCode = 5'],
    { onLine: (line, stream) => lines.push(`${stream}: ${line}`) },
  ))
  expect(await child.ended).toMatchObject({ exitCode: 5, signal: null, cause: 'exit' })
  expect(readFileSync(join(dir, 'out.log'), 'utf8')).toBe('one\nthree without newline\n')
  expect(readFileSync(join(dir, 'err.log'), 'utf8')).toBe('two\n')
  expect(lines.toSorted()).toEqual(['stderr: two', 'stdout: one', 'stdout: three without newline'])
})

test('gives the child the environment it was told and nothing else', async () => {
  const child = await createProcessHost(ledger()).start(command(
    ['-e', 'console.log(JSON.stringify(process.env))'], { env: { ONLY: 'this' } },
  ))
  await child.ended
  expect(JSON.parse(readFileSync(join(dir, 'out.log'), 'utf8'))).toEqual({ ONLY: 'this' })
})

test('has stdin at end of file, so that nothing waits for it', async () => {
  const child = await createProcessHost(ledger()).start(command(
    ['-e', 'process.stdin.resume(); process.stdin.on("end", () => console.log("eof"))'],
  ))
  expect(await child.ended).toMatchObject({ exitCode: 0, cause: 'exit', lastLines: ['eof'] })
})

test.each([
  { how: 'its deadline', more: { deadlineMs: 2500 }, cause: 'deadline' },
  { how: 'silence', more: { silenceMs: 2500 }, cause: 'silence' },
])('ends a process that ignores SIGTERM at $how and keeps what it said', async ({ more, cause }) => {
  const child = await createProcessHost(ledger()).start(command([fixture('ignores-sigterm')], more))
  const end = await child.ended
  expect(end).toMatchObject({ cause, signal: 'SIGKILL' })
  expect(lives(child.pid)).toBe(false)
  expect(readFileSync(join(dir, 'out.log'), 'utf8')).toContain('ready')
})

test('ends when the caller aborts, also when that was before the start', async () => {
  const forever = ['-e', 'setInterval(() => undefined, 1000)']
  const early = await createProcessHost(ledger()).start(command(forever, { signal: AbortSignal.abort('no') }))
  expect(await early.ended).toMatchObject({ cause: 'aborted' })
  const abort = new AbortController()
  const later = await createProcessHost(ledger()).start(command(forever, { signal: abort.signal }))
  abort.abort()
  expect(await later.ended).toMatchObject({ cause: 'aborted' })
  expect(lives(later.pid)).toBe(false)
})

test('does not wait for a grandchild that holds stdout, and ends it', async () => {
  const child = await createProcessHost(ledger()).start(command([fixture('leaves-grandchild'), '3']))
  const end = await child.ended
  expect(end).toMatchObject({ exitCode: 3, cause: 'exit' })
  const grandchild = Number(/grandchild (\d+)/.exec(end.lastLines.join('\n'))?.[1])
  expect(grandchild).toBeGreaterThan(0)
  expect(lives(grandchild)).toBe(false)
})

test('says which file could not be started', async () => {
  const start = createProcessHost(ledger()).start(command([], { file: join(dir, 'no-such-program') }))
  await expect(start).rejects.toThrow(/no-such-program.*ENOENT|ENOENT.*no-such-program/s)
})

/** Files below the folder of the test that this process holds open. */
const heldOpen = (): string[] => readdirSync('/proc/self/fd').flatMap((fd) => {
  try {
    const target = readlinkSync(`/proc/self/fd/${fd}`)
    return target.startsWith(dir) ? [target] : []
  } catch {
    return []
  }
})

test('a process that cannot be written down is ended at once, and its output is closed', async () => {
  mkdirSync(ledger())
  const mark = `host-test-${process.pid}-${Date.now()}`
  const start = createProcessHost(ledger()).start(command(['-e', 'setInterval(() => undefined, 1000)', mark]))
  await expect(start).rejects.toThrow(/EISDIR/)
  expect(readProcesses().filter(({ pid, zombie }) => !zombie && commandOf(pid).includes(mark))).toEqual([])
  expect(heldOpen()).toEqual([])
})

test.each([
  { what: 'a file of it that cannot be opened', more: { stderr: '/dev/null/err.log' } },
  { what: 'a program that is not there', more: { file: '/no/such/program' } },
  { what: 'an argument that no program can have', more: { args: ['\0'] } },
])('nothing stays open after $what', async ({ more }) => {
  await expect(createProcessHost(ledger()).start(command([], more))).rejects.toThrow()
  expect(heldOpen()).toEqual([])
  expect(existsSync(ledger())).toBe(false)
})

test('writes each session to the ledger when it starts and when it is proven over', async () => {
  const child = await createProcessHost(ledger()).start(command(['-e', '']))
  await child.ended
  expect(readLedger(ledger())).toMatchObject([
    { kind: 'session', name: 'probe', leader: { pid: child.pid } },
    { kind: 'session-ended', leader: { pid: child.pid } },
  ])
})

test('puts nothing into a workspace that went while its process ran', async () => {
  const child = await createProcessHost(ledger()).start(command(['-e', 'setInterval(() => undefined, 1000)']))
  rmSync(dir, { recursive: true })
  await child.stop()
  expect(existsSync(dir)).toBe(false)
  mkdirSync(dir)
  const second = await createProcessHost(ledger()).start(command(['-e', 'setInterval(() => undefined, 1000)']))
  rmSync(ledger())
  await second.stop()
  expect(existsSync(ledger())).toBe(false)
})

test('goes on when its log cannot be written, and says so once', async () => {
  const child = await createProcessHost(ledger()).start(command(['-e', 'console.log(1); console.log(2)'], { stdout: '/dev/full' }))
  const end = await child.ended
  expect(end.exitCode).toBe(0)
  expect(end.lastLines.filter((line) => line.includes('ENOSPC'))).toHaveLength(1)
  expect(end.lastLines.slice(-1)).toEqual(['2'])
})

test('a token of 8 MB without a newline is taken out, and what comes after it is kept', async () => {
  const child = await createProcessHost(ledger()).start(command(
    ['-e', 'process.stdout.write("sk-" + "x".repeat(8 << 20) + "\\n", () => console.log("after it"))'],
  ))
  expect(await child.ended).toMatchObject({ exitCode: 0, cause: 'exit' })
  expect(readFileSync(join(dir, 'out.log'), 'utf8')).toBe('[redacted sk]\nafter it\n')
})
