import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RunRequest } from '../suite.ts'
import { cloneSource, parseSource, shownSource } from './clone.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'clone-'))
  mkdirSync(join(dir, 'folder', 'node_modules', 'x'), { recursive: true })
  writeFileSync(join(dir, 'folder', 'file.txt'), 'one\n')
  mkdirSync(join(dir, 'workspace'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

const run = async ({ file, args, cwd, env }: RunRequest): Promise<string> =>
  (await execa(file, [...args], { cwd, env: { GIT_CONFIG_GLOBAL: '/dev/null', ...env }, stdin: 'ignore' })).stdout

test.each([
  ['/some/path', { kind: 'git', url: '/some/path' }],
  ['/some/path#main', { kind: 'git', url: '/some/path', ref: 'main' }],
  ['https://example.org/a.git#v1', { kind: 'git', url: 'https://example.org/a.git', ref: 'v1' }],
])('%s', (text, source) => {
  expect(parseSource(text)).toEqual(source)
})

test.each([
  ['a folder of the project', { kind: 'folder', folder: '/p/suites/a/stack' }, undefined, 'suites/a/stack'],
  ['a folder elsewhere', { kind: 'folder', folder: '/places/stack' }, undefined, '/places/stack'],
  ['a repository', { kind: 'git', url: 'https://example.org/a.git', ref: 'v1' }, undefined, 'https://example.org/a.git'],
  ['what was asked for', { kind: 'git', url: '/p/x', ref: 'v1' }, '/p/x#v1', '/p/x#v1'],
] as const)('%s is shown to a reader as it is known', (_what, source, asked, shown) => {
  expect(shownSource(source, asked, '/p')).toBe(shown)
})

test('a folder becomes a commit with the same id every time, without its packages', async () => {
  const source = { kind: 'folder', folder: join(dir, 'folder') } as const
  const first = await cloneSource('app', source, join(dir, 'workspace'), run)
  mkdirSync(join(dir, 'again'))
  const second = await cloneSource('app', source, join(dir, 'again'), run)
  expect(first.commit).toMatch(/^[0-9a-f]{40}$/)
  expect(second.commit).toBe(first.commit)
  expect(readFileSync(join(first.path, 'file.txt'), 'utf8')).toBe('one\n')
  expect(existsSync(join(first.path, 'node_modules'))).toBe(false)
  writeFileSync(join(dir, 'folder', 'file.txt'), 'two\n')
  mkdirSync(join(dir, 'third'))
  expect((await cloneSource('app', source, join(dir, 'third'), run)).commit).not.toBe(first.commit)
})

test('a repository is cloned at the ref that was asked for', async () => {
  const origin = await cloneSource('app', { kind: 'folder', folder: join(dir, 'folder') }, join(dir, 'workspace'), run)
  await run({ file: 'git', args: ['-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '--allow-empty', '--message', 'next'], cwd: origin.path })
  const git = (...args: string[]): Promise<string> => run({ file: 'git', args, cwd: origin.path })
  await git('branch', 'feature/one', origin.commit)
  await git('tag', 'v1', origin.commit)
  await git('update-ref', 'refs/pull/1/head', origin.commit)
  for (const [index, ref] of [origin.commit, 'feature/one', 'v1', 'refs/pull/1/head'].entries()) {
    mkdirSync(join(dir, 'again', String(index)), { recursive: true })
    const checkout = await cloneSource('app', { kind: 'git', url: origin.path, ref }, join(dir, 'again', String(index)), run)
    expect(checkout.commit, ref).toBe(origin.commit)
  }
  mkdirSync(join(dir, 'third'))
  await expect(cloneSource('app', { kind: 'git', url: origin.path, ref: 'no-such-ref' }, join(dir, 'third'), run)).rejects.toThrow(/clone: the source has no branch, tag or commit called "no-such-ref"/)
})
