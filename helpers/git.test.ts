import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { expectCleanRepository, gitStatus } from './git.ts'

const env = { PATH: process.env.PATH ?? '', GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_NOSYSTEM: '1' }
let dir: string
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'git-'))
  await execa('git', ['init', '--quiet', dir])
  writeFileSync(join(dir, '.gitignore'), 'ignored\n')
  await execa('git', ['-C', dir, 'add', '--all'])
  await execa('git', ['-C', dir, '-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '--quiet', '--message', 'x'])
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

test('a fresh commit is clean, and one file more is not, though it is ignored', async () => {
  expect(await gitStatus(dir, env)).toEqual([])
  await expect(expectCleanRepository('app', dir, env)).resolves.toBeUndefined()
  writeFileSync(join(dir, 'ignored'), '')
  expect(await gitStatus(dir, env)).toEqual(['!! ignored'])
  expect(await gitStatus(dir, env, { ignored: false })).toEqual([])
  await expect(expectCleanRepository('app', dir, env, { ignored: false })).resolves.toBeUndefined()
})

test('changed and untracked files are named, the first ten of them', async () => {
  writeFileSync(join(dir, '.gitignore'), 'other\n')
  for (let index = 0; index < 11; index += 1) writeFileSync(join(dir, `new-${index}`), '')
  await expect(expectCleanRepository('app', dir, env)).rejects.toThrow(/dirty-repo: the app clone is not clean: {2}M \.gitignore, \?\? new-0, .* and 2 more/)
})

test('what is no repository is an error, not clean', async () => {
  await expect(gitStatus('/', env)).rejects.toThrow(/not a git repository/)
})
