import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { RunRequest } from '../suite.ts'
import { readProcesses } from '../processes/table.ts'
import { askGit } from './ask-git.ts'
import { cloneSource } from './clone.ts'
import { compareWithSource, type Freshness, type WorkspaceSource } from './outdated.ts'

let dir: string
let root: string
let server: Server | undefined
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'outdated-')))
  root = join(dir, 'workspace')
  mkdirSync(root)
})
afterEach(() => {
  server?.close()
  server = undefined
  rmSync(dir, { recursive: true, force: true })
})

const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...args], { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
const run = async (request: RunRequest): Promise<string> =>
  (await execa(request.file, [...request.args], { cwd: request.cwd, env: { ...env, ...request.env }, extendEnv: false, stdin: 'ignore' })).stdout
const commit = (repository: string, message: string): string => {
  git(repository, 'commit', '--quiet', '--allow-empty', '--message', message)
  return git(repository, 'rev-parse', 'HEAD')
}
const compare = (source: Partial<WorkspaceSource>): Promise<Freshness> =>
  compareWithSource('app', { from: join(dir, 'origin'), kind: 'git', commit: '', ...source }, { root, env })

function makeOrigin(): { path: string; first: string } {
  const path = join(dir, 'origin')
  mkdirSync(path)
  git(path, 'init', '--quiet', '--initial-branch=main')
  const first = commit(path, 'first')
  git(path, 'branch', 'side')
  git(path, 'branch', 'feature/side')
  git(path, 'tag', '--annotate', '--message', 'v1', 'v1')
  git(path, 'update-ref', 'refs/pull/1/head', first)
  return { path, first }
}

const refs = [undefined, 'main', 'side', 'v1', 'refs/pull/1/head', 'refs/heads/side']

test.each(refs)('a checkout of %s is up to date until that moves on', async (ref) => {
  const { path, first } = makeOrigin()
  const source = { commit: first, ...(ref !== undefined && { ref }) }
  expect(await compare(source)).toEqual({})
  // Whose name merely ends in the same word is another branch.
  git(path, 'checkout', '--quiet', 'feature/side')
  commit(path, 'elsewhere')
  git(path, 'checkout', '--quiet', 'main')
  expect(await compare(source)).toEqual({})
  const second = commit(path, 'second')
  git(path, 'branch', '--force', 'side', second)
  git(path, 'tag', '--force', '--annotate', '--message', 'v1', 'v1')
  git(path, 'update-ref', 'refs/pull/1/head', second)
  expect(await compare(source)).toEqual({ behind: `app is at ${first}, and ${path}${ref === undefined ? '' : `#${ref}`} at ${second}` })
})

test('a commit does not move, and is not asked for', async () => {
  const commitId = 'a'.repeat(40)
  expect(await compare({ from: '/nowhere', commit: commitId, ref: commitId })).toEqual({})
  expect(await compare({ from: '/nowhere', commit: commitId, ref: 'aaaaaaaa' })).toEqual({})
  expect((await compare({ from: '/nowhere', commit: commitId, ref: 'b'.repeat(40) })).behind).toContain(`app is at ${commitId}`)
})

test.each([
  ['is not there', { from: '/nowhere/at/all' }, /\/nowhere\/at\/all does not answer \(.+\)/],
  ['has no such branch any more', { ref: 'gone' }, /has no branch or tag called "gone"/],
  ['is a folder that is gone', { kind: 'folder', from: '/nowhere/at/all' } as const, /\/nowhere\/at\/all is gone/],
])('a source that %s is a note', async (_why, source, note) => {
  makeOrigin()
  const freshness = await compare(source)
  expect(freshness.behind).toBeUndefined()
  expect(freshness.note).toMatch(note)
})

test('who does not answer in time is ended with all it started', async () => {
  const silent = createServer()
  server = silent
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const address = silent.address()
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}/x.git`
  const answer = await askGit(['ls-remote', '--', url, 'HEAD'], { cwd: root, env, boundMs: 1500 })
  expect(answer).toEqual({ problem: 'no answer within 1.5 s' })
  const mine = readProcesses().filter(({ pid, zombie }) => !zombie && commandLine(pid).includes(url))
  expect(mine).toEqual([])
})

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

const write = (path: string, text: string): void => { writeFileSync(join(dir, 'folder', path), text) }

async function cloneFolder(): Promise<Partial<WorkspaceSource>> {
  mkdirSync(join(dir, 'folder', 'sub', 'node_modules', 'x'), { recursive: true })
  mkdirSync(join(dir, 'folder', 'node_modules', 'x'), { recursive: true })
  write('a.txt', 'one\n')
  write('b.txt', 'one\n')
  write('.gitignore', '*.tmp\n')
  const folder = join(dir, 'folder')
  const checkout = await cloneSource('app', { kind: 'folder', folder }, root, run)
  return { kind: 'folder', from: folder, commit: checkout.commit }
}

test.each([
  ['nothing', () => undefined, undefined],
  ['packages', () => {
    write('node_modules/x/new.js', 'x')
    write('sub/node_modules/x/new.js', 'x')
  }, undefined],
  ['an ignored file', () => { write('x.tmp', 'x') }, undefined],
  ['the time of a file', () => { write('a.txt', 'one\n') }, undefined],
  ['a file', () => { write('a.txt', 'two\n') }, 'a.txt'],
  ['a new file', () => { write('sub/new file', 'x') }, 'sub/new file'],
  ['a file that is gone', () => { rmSync(join(dir, 'folder', 'b.txt')) }, 'b.txt'],
  ['many files', () => { for (const name of ['1', '2', '3', '4', '5', '6', '7']) write(name, 'x') }, '1, 2, 3, 4, 5 and 2 more'],
])('a folder in which %s has changed', async (_what, change, told) => {
  const source = await cloneFolder()
  change()
  const before = snapshot()
  expect(await compare(source)).toEqual(told === undefined ? {} : { behind: `app is at ${source.commit ?? ''}, and ${join(dir, 'folder')} has changed since: ${told}` })
  expect(snapshot()).toEqual(before)
  expect(existsSync(join(dir, 'folder', '.git'))).toBe(false)
})

/** Every file of the test with its time of change: what was written to is seen. */
function snapshot(): string[] {
  return readdirSync(dir, { recursive: true }).map((path) => `${String(path)} ${statSync(join(dir, String(path))).mtimeMs}`)
}
