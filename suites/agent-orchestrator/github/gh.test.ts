import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { standInGh, type GhState } from './gh.ts'

let folder: string
let bin: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gh it-'))
  bin = join(folder, 'bin')
  mkdirSync(bin)
})
afterEach(() => { rmSync(folder, { recursive: true, force: true }) })

const token: GhState = { state: 'token', token: 'gho_made_up', url: 'https://github.com/acme/tools' }
const url = ['repo', 'view', '--json', 'url', '-q', '.url']

test.each<{ state: GhState; args: string[]; want: { exitCode: number; stdout: string; stderr: unknown } }>([
  { state: token, args: ['auth', 'token'], want: { exitCode: 0, stdout: 'gho_made_up', stderr: '' } },
  { state: token, args: url, want: { exitCode: 0, stdout: 'https://github.com/acme/tools', stderr: '' } },
  { state: { state: 'token', token: 't' }, args: url, want: { exitCode: 1, stdout: '', stderr: 'no git remotes found' } },
  { state: { state: 'empty' }, args: ['auth', 'token'], want: { exitCode: 0, stdout: '', stderr: '' } },
  { state: { state: 'empty' }, args: url, want: { exitCode: 0, stdout: '', stderr: '' } },
  { state: { state: 'fails' }, args: ['auth', 'token'], want: { exitCode: 1, stdout: '', stderr: 'no oauth token found for github.com' } },
  { state: { state: 'fails' }, args: url, want: { exitCode: 4, stdout: '', stderr: expect.stringContaining('gh auth login') } },
  { state: token, args: ['pr', 'merge', '1'], want: { exitCode: 1, stdout: '', stderr: expect.stringContaining('unknown command') } },
])('$state.state, asked for $args', async ({ state, args, want }) => {
  const gh = standInGh(bin, join(folder, 'its files'), state)
  expect(await execa(join(bin, 'gh'), args, { reject: false, cwd: folder })).toMatchObject(want)
  expect(gh.calls()).toMatchObject([{ args, state: state.state, exitCode: want.exitCode, unknown: args[0] === 'pr' }])
})

test('the state changes while it is in use, and absent means no such program', async () => {
  const gh = standInGh(bin, join(folder, 'files'), { state: 'empty' })
  expect((await execa(join(bin, 'gh'), ['auth', 'token'])).stdout).toBe('')
  gh.set({ state: 'absent' })
  expect(existsSync(join(bin, 'gh'))).toBe(false)
  gh.set(token)
  expect((await execa(join(bin, 'gh'), ['auth', 'token'])).stdout).toBe('gho_made_up')
  expect(gh.calls().map(({ state }) => state)).toEqual(['empty', 'token'])
})
