import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { UsageError } from '../errors.ts'
import { bootId, isAlive } from '../processes/table.ts'
import { Bystanders } from '../testing/bystanders.ts'
import { claim } from './claim.ts'
import { startCallers, type Callers } from './fixtures/callers.ts'
import { appendToLedger } from './ledger.ts'
import { ownerOf, readMarker, updateMarker, type Marker } from './marker.ts'
import { isOwned, markerFile } from './owner.ts'
import { adoptWorkspace, checkWorkspacePath, chooseWorkspacePath, createWorkspace, newRunId, replaceContent } from './workspace.ts'

const about = { suite: 'any', run: 'run-1', sandbox: 'id-1' }
const dead = { pid: 1, startTime: -1, boot: bootId() }

let dir: string
let callers: Callers | undefined
const bystanders = new Bystanders()
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'ws-'))
})
afterEach(async () => {
  await callers?.end()
  callers = undefined
  bystanders.end()
  rmSync(dir, { recursive: true, force: true })
})

const make = (): string => createWorkspace(join(dir, 'w'), about).paths.root

function makeDead(change: Partial<Omit<Marker, 'schema'>> = {}): string {
  const root = make()
  updateMarker(root, { owner: dead, ...change })
  return root
}

function current(root: string): Marker {
  const reading = readMarker(root)
  if (reading.kind !== 'current') throw new Error(`the marker is ${reading.kind}`)
  return reading.marker
}

test('a new workspace is private, marked with its living owner, and has its folders', () => {
  const { paths, made } = createWorkspace(join(dir, 'new', 'deep'), about)
  expect(made).toBe(join(dir, 'new'))
  expect(statSync(paths.root).mode & 0o777).toBe(0o700)
  expect(statSync(join(paths.root, markerFile)).mode & 0o777).toBe(0o600)
  const marker = current(paths.root)
  expect(marker).toMatchObject({ schema: 2, ...about, owner: { pid: process.pid }, kept: false, sources: {}, ports: {}, lanes: {} })
  expect(isOwned(marker)).toBe(true)
  expect(readdirSync(paths.root).toSorted()).toEqual([markerFile, 'agent-home', 'home', 'logs', 'tmp', 'transcripts'])
})

test.each([
  ['does not exist', () => join(dir, 'new')],
  ['is empty', () => dir],
])('a path that %s may be used, forced or not', (_why, path) => {
  expect(checkWorkspacePath(path(), { force: false })).toBe('new')
  expect(checkWorkspacePath(path(), { force: true })).toBe('new')
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
  ['belongs to a run that is alive', /alive \(pid \d+\)/, make],
  ['holds an earlier run', /holds an earlier run \(run-1\)[^]*clone-smoke cleanup/, makeDead],
  ['holds a run of an older version', /holds an earlier run \(of an older version\)/, () => {
    writeFileSync(join(dir, markerFile), JSON.stringify({ schema: 1, id: 'x', suite: 's', createdAt: '', owner: dead }))
    return dir
  }],
  ['has a damaged marker', /not a clone-smoke workspace/, () => {
    writeFileSync(join(dir, markerFile), '{')
    return dir
  }],
  ['is too long for a socket', /too long for the sockets/, () => join(dir, 'x'.repeat(80))],
])('a path that %s is refused and not touched', (_why, message, makeIt) => {
  const path = makeIt()
  const before = readdirSync(dir, { recursive: true })
  expect(() => { checkWorkspacePath(path, { force: false }) }).toThrow(UsageError)
  expect(() => { checkWorkspacePath(path, { force: false }) }).toThrow(message)
  expect(readdirSync(dir, { recursive: true })).toEqual(before)
})

test.each([
  ['holds files that are not ours', () => {
    mkdirSync(join(dir, 'w'))
    writeFileSync(join(dir, 'w', 'old.txt'), 'x')
    return join(dir, 'w')
  }],
  ['holds an earlier run', makeDead],
])('with force, a path that %s is replaced', async (_why, makeIt) => {
  const path = makeIt()
  expect(checkWorkspacePath(path, { force: true })).toBe('replace')
  await replaceContent(path)
  expect(readdirSync(path)).toEqual([])
})

test.each([
  ['belongs to a run that is alive', /alive \(pid \d+\)/, make, [] as string[]],
  ['is a git repository', /not emptied, whatever is forced: it is a git repository/, () => {
    mkdirSync(join(dir, 'w', '.git'), { recursive: true })
    return join(dir, 'w')
  }, []],
  ['holds what the run needs', /which this run needs/, () => {
    mkdirSync(join(dir, 'w', 'results'), { recursive: true })
    return join(dir, 'w')
  }, ['w/results']],
  ['holds this package', /whatever is forced/, () => process.cwd(), []],
])('with force, a path that %s is refused all the same', (_why, message, makeIt, keepOut) => {
  const path = makeIt()
  expect(() => checkWorkspacePath(path, { force: true, keepOut: keepOut.map((name) => join(dir, name)) })).toThrow(message)
})

test('what still runs of a dead workspace is ended before it is emptied, and nothing is emptied under another process', async () => {
  const root = makeDead()
  const identity = bystanders.start({ cwd: root })
  appendToLedger(join(root, 'ledger.ndjson'), { kind: 'sandbox', id: 'id-1', workspace: root, results: join(dir, 'results'), boot: bootId(), keep: false, since: identity.startTime })
  const held = claim(root)
  if (!('release' in held)) throw new Error('not claimed')
  await expect(replaceContent(root)).rejects.toThrow(new RegExp(`in the hands of another process \\(pid ${process.pid}\\)`))
  expect(isAlive(identity)).toBe(true)
  held.release()
  await replaceContent(root)
  expect(isAlive(identity)).toBe(false)
  expect(readdirSync(root)).toEqual([])
})

test('what somebody puts there after the check stays, and the workspace is not made', () => {
  const root = join(dir, 'w')
  expect(checkWorkspacePath(root, { force: false })).toBe('new')
  mkdirSync(root)
  writeFileSync(join(root, 'thesis.txt'), 'text')
  expect(() => createWorkspace(root, about)).toThrow(/is not empty any more: thesis\.txt/)
  expect(readdirSync(root)).toEqual(['thesis.txt'])
})

test('what is left of an emptying that was cut short is no reason to refuse', () => {
  const root = join(dir, 'w')
  mkdirSync(root)
  writeFileSync(join(root, '.clone-smoke.claim-0a1b2c3d'), '{}')
  expect(checkWorkspacePath(root, { force: false })).toBe('new')
  createWorkspace(root, about)
})

test('two runs cannot take the same directory, and a link to it is seen through', () => {
  make()
  expect(make).toThrow(/EEXIST/)
  symlinkSync(dir, join(dir, 'link'))
  expect(chooseWorkspacePath(join(dir, 'link', 'not', 'yet'), 'r')).toBe(join(realpathSync(dir), 'not', 'yet'))
})

test.each([
  ['none', undefined, undefined],
  ['older', JSON.stringify({ schema: 1, id: 'x', suite: 's', createdAt: '', owner: dead }), dead],
  ['newer', JSON.stringify({ schema: 3, owner: dead, more: true }), dead],
  ['newer', JSON.stringify({ schema: 3, owner: 'somebody' }), undefined],
  ['damaged', JSON.stringify({ schema: 2, owner: dead }), dead],
  ['damaged', JSON.stringify({ owner: { ...dead, pid: -1 } }), undefined],
  ['damaged', '{"schema": 2,', undefined],
  ['damaged', '', undefined],
  ['damaged', 'null', undefined],
])('a marker that is %s is told as such: %s', (kind, text, owner) => {
  if (text !== undefined) writeFileSync(join(dir, markerFile), text)
  const reading = readMarker(dir)
  expect(reading.kind).toBe(kind)
  expect(ownerOf(reading)).toEqual(owner)
})

test('a marker is changed whole, and what is in it stays', () => {
  const root = make()
  chmodSync(join(root, markerFile), 0o644)
  updateMarker(root, { ports: { web: 1234 }, lanes: { a: 'passed' } })
  updateMarker(root, { kept: true })
  expect(current(root)).toMatchObject({ ...about, kept: true, ports: { web: 1234 }, lanes: { a: 'passed' } })
  expect(statSync(join(root, markerFile)).mode & 0o777).toBe(0o600)
  expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([markerFile])
  writeFileSync(join(root, markerFile), '{}')
  expect(() => updateMarker(root, { kept: true })).toThrow(/cannot be changed: it is damaged/)
})

test('a dead workspace is adopted with its sandbox, and stays kept until the run says otherwise', () => {
  const root = makeDead({ kept: true, ports: { web: 1234 } })
  expect(adoptWorkspace(root, { run: 'run-2' })).toMatchObject({ sandbox: 'id-1', run: 'run-2', kept: true, ports: { web: 1234 }, owner: { pid: process.pid } })
  expect(current(root)).toMatchObject({ run: 'run-2', owner: { pid: process.pid } })
  expect(() => adoptWorkspace(root, { run: 'run-3' })).toThrow(UsageError)
  expect(() => adoptWorkspace(dir, { run: 'run-3' })).toThrow(/marker: none/)
  expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([markerFile])
})

test('of processes that adopt a workspace at once exactly one gets it', async () => {
  const root = makeDead()
  callers = await startCallers(4, 'workspace.ts', 'adoptWorkspace', [root, { run: 'run-2' }])
  const answers = await callers.call()
  const winners = answers.flatMap(({ result }, index) => result === undefined ? [] : [callers?.pids[index]])
  expect(winners).toEqual([current(root).owner.pid])
  expect(answers.filter(({ error }) => error === 'UsageError')).toHaveLength(3)
})

test('who dies while it takes a workspace is succeeded by one', async () => {
  const root = makeDead()
  const first = await startCallers(1, 'claim.ts', 'claim', [root])
  await first.call()
  expect(claim(root)).toMatchObject({ heldBy: { pid: first.pids[0] } })
  await first.end()
  await waitFor(() => (existsSync(`/proc/${first.pids[0] ?? 0}`) ? undefined : true), { deadlineMs: 10_000, otherwise: () => new Error('still there') })
  callers = await startCallers(4, 'workspace.ts', 'adoptWorkspace', [root, { run: 'run-2' }])
  const answers = await callers.call()
  expect(answers.filter(({ result }) => result !== undefined)).toHaveLength(1)
  expect(readdirSync(root).filter((name) => name.startsWith('.'))).toEqual([markerFile])
})

test('run ids sort by time and differ within a second', () => {
  const early = newRunId(new Date('2026-01-02T03:04:05Z'))
  expect(early).toMatch(/^20260102-030405-[0-9a-f]{6}$/)
  expect(newRunId(new Date('2026-01-02T03:04:05Z'))).not.toBe(early)
  expect(chooseWorkspacePath(undefined, early)).toContain(`clone-smoke-${early}`)
})
