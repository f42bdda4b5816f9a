import { mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import { checkWorkspacePath, chooseWorkspacePath, createWorkspace, isOwned, markerFile, newRunId, readMarker } from './workspace.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ws-'))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

test('a new workspace is private, marked with its living owner, and has its folders', () => {
  const { paths, made } = createWorkspace(join(dir, 'new', 'deep'), 'any')
  expect(made).toBe(join(dir, 'new'))
  expect(statSync(paths.root).mode & 0o777).toBe(0o700)
  const marker = readMarker(paths.root)
  expect(marker).toMatchObject({ schema: 1, suite: 'any', owner: { pid: process.pid } })
  expect(marker && isOwned(marker)).toBe(true)
  expect(readdirSync(paths.root).toSorted()).toEqual([markerFile, 'agent-home', 'home', 'logs', 'tmp', 'transcripts'])
})

test.each([
  ['does not exist', () => join(dir, 'new')],
  ['is empty', () => dir],
])('a path that %s may be used', (_why, path) => {
  expect(() => { checkWorkspacePath(path()) }).not.toThrow()
})

test.each([
  ['holds files that are not ours', /not a clone-smoke workspace[^]*precious\.txt/, () => {
    writeFileSync(join(dir, 'precious.txt'), 'x')
    return dir
  }],
  ['is a file', /not a directory/, () => {
    writeFileSync(join(dir, 'file'), 'x')
    return join(dir, 'file')
  }],
  ['belongs to a run that is alive', /alive \(pid \d+\)/, () => createWorkspace(join(dir, 'w'), 'any').paths.root],
  ['holds an earlier run', /holds an earlier run/, () => {
    const { root } = createWorkspace(join(dir, 'w'), 'any').paths
    const marker = JSON.parse(readFileSync(join(root, markerFile), 'utf8')) as { owner: { startTime: number } }
    marker.owner.startTime -= 1
    writeFileSync(join(root, markerFile), JSON.stringify(marker))
    return root
  }],
  ['is too long for a socket', /too long for the sockets/, () => join(dir, 'x'.repeat(80))],
])('a path that %s is refused and not touched', (_why, message, make) => {
  const path = make()
  const before = readdirSync(dir, { recursive: true })
  expect(() => { checkWorkspacePath(path) }).toThrow(UsageError)
  expect(() => { checkWorkspacePath(path) }).toThrow(message)
  expect(readdirSync(dir, { recursive: true })).toEqual(before)
})

test('two runs cannot take the same directory, and a link to it is seen through', () => {
  createWorkspace(join(dir, 'w'), 'any')
  expect(() => createWorkspace(join(dir, 'w'), 'any')).toThrow(/EEXIST/)
  symlinkSync(dir, join(dir, 'link'))
  expect(chooseWorkspacePath(join(dir, 'link', 'not', 'yet'), 'r')).toBe(join(realpathSync(dir), 'not', 'yet'))
})

test('a marker of another schema is no workspace of this version', () => {
  mkdirSync(join(dir, 'old'))
  writeFileSync(join(dir, 'old', markerFile), JSON.stringify({ schema: 0, id: 'x' }))
  expect(readMarker(join(dir, 'old'))).toBeUndefined()
  expect(() => { checkWorkspacePath(join(dir, 'old')) }).toThrow(/not a clone-smoke workspace/)
})

test('run ids sort by time and differ within a second', () => {
  const early = newRunId(new Date('2026-01-02T03:04:05Z'))
  expect(early).toMatch(/^20260102-030405-[0-9a-f]{6}$/)
  expect(newRunId(new Date('2026-01-02T03:04:05Z'))).not.toBe(early)
  expect(chooseWorkspacePath(undefined, early)).toContain(`clone-smoke-${early}`)
})
