import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import type { ProgressEvent } from '../record.ts'
import { janitorOf } from '../sandbox/find-janitor.ts'
import { readLedger } from '../sandbox/ledger.ts'
import { readMarker, updateMarker } from '../sandbox/marker.ts'
import { cloneSmoke, startChildRun, type ChildRun } from '../testing/child-run.ts'

const toy = fileURLToPath(new URL('../testing/toy', import.meta.url))

let base: string
const runs: ChildRun[] = []
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'life-')))
})
afterEach(async () => {
  for (const run of runs.splice(0)) await run.dispose()
  rmSync(base, { recursive: true, force: true })
})

function start(args: readonly string[], env: Record<string, string> = {}): ChildRun {
  const run = startChildRun(args, env, toy)
  runs.push(run)
  return run
}

const workspace = (): string => join(base, 'w')

/** One whole run in the test's workspace. */
async function whole(env: Record<string, string>, code: number, filter = 'smoke'): Promise<ChildRun> {
  const run = start(['run', filter], { SMOKE_WORKSPACE: workspace(), ...env })
  expect(await run.ended(), run.output()).toBe(code)
  return run
}

const lanes = (run: ChildRun): string[] => run.progress().flatMap((event) => event.type === 'lane-ended' ? [`${event.lane} ${event.status}`] : [])
const reasons = (run: ChildRun): string[] => run.progress().flatMap((event) => event.type === 'lane-ended' && event.reason !== undefined ? [event.reason] : [])
const portOf = (run: ChildRun): string | undefined => run.record().facts['port.main']
const failure = (run: ChildRun): Extract<ProgressEvent, { type: 'step-ended' }> | undefined =>
  run.progress().find((event): event is Extract<ProgressEvent, { type: 'step-ended' }> => event.type === 'step-ended' && event.status === 'failed')

test('a run that goes on begins at the first lane that is not done, on the same port, and the evidence of both is kept', async () => {
  const first = await whole({ SMOKE_KEEP: 'always', TOY_FAULT: 'grow' }, 1)
  expect(lanes(first)).toEqual(['start passed', 'look passed', 'grow failed', 'shrink skipped'])
  const second = await whole({ SMOKE_REUSE: '1' }, 0)
  expect(lanes(second)).toEqual(['resume passed', 'start skipped', 'look skipped', 'grow passed', 'shrink passed'])
  expect(reasons(second)[0]).toMatch(/^done in an earlier run; the workspace was taken over in the state "up"/)
  expect(portOf(second)).toBe(portOf(first))
  // A workspace that is kept keeps its port.
  expect(second.leftovers()).toEqual([`clone-smoke-port-${portOf(second)}.json`])
  const marker = readMarker(workspace())
  expect(marker).toMatchObject({ kind: 'current', marker: { kept: true, lanes: { start: 'passed', look: 'passed', grow: 'passed', shrink: 'passed' } } })
  expect(readdirSync(join(workspace(), 'earlier'))).toEqual([first.record().run])
  expect(first.record().lanes.map(({ name }) => name)).not.toContain('resume')
})

test('when everything is done, what was asked for runs again', async () => {
  await whole({ SMOKE_KEEP: 'always' }, 0)
  expect(lanes(await whole({ SMOKE_REUSE: '1' }, 0))).toEqual(['resume passed', 'start skipped', 'look passed', 'grow passed', 'shrink passed'])
  expect(lanes(await whole({ SMOKE_REUSE: '1' }, 0, 'look.smoke'))).toEqual(['resume passed', 'look passed'])
})

test('a run that was killed in the middle of a lane is gone on with at that lane', async () => {
  const first = start(['run', 'smoke'], { SMOKE_WORKSPACE: workspace(), SMOKE_KEEP: 'always', TOY_FAULT: 'wait-in-look' })
  await waitFor(() => existsSync(join(workspace(), 'progress.ndjson')) && readFileSync(join(workspace(), 'progress.ndjson'), 'utf8').includes('"step":"look","kind"') ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(first.output()),
  })
  first.process.kill('SIGKILL')
  await first.ended()
  // Its port stays its own: the workspace is to be kept.
  await waitFor(() => first.leftovers().every((name) => name.startsWith('clone-smoke-port-')) ? true : undefined, { deadlineMs: 30_000, otherwise: () => new Error(first.leftovers().join()) })
  const second = await whole({ SMOKE_REUSE: '1' }, 0)
  expect(lanes(second)).toEqual(['resume passed', 'start skipped', 'look passed', 'grow passed', 'shrink passed'])
})

test('bootstrapOnly keeps a workspace that skipBootstrap goes on with, on the same port', async () => {
  const first = await whole({ SMOKE_BOOTSTRAP_ONLY: '1' }, 0)
  expect(lanes(first)).toEqual(['start passed', 'look skipped', 'grow skipped', 'shrink skipped'])
  expect(first.record().teardown).toMatchObject({ workspaceKept: true, leftovers: [] })
  const second = await whole({ SMOKE_SKIP_BOOTSTRAP: '1' }, 0)
  expect(lanes(second)).toEqual(['resume passed', 'start skipped', 'look passed', 'grow passed', 'shrink passed'])
  expect(portOf(second)).toBe(portOf(first))
})

test('forceBootstrap begins again in the same place and on the same port', async () => {
  const first = await whole({ SMOKE_KEEP: 'always' }, 0)
  const second = await whole({ SMOKE_REUSE: '1', SMOKE_FORCE_BOOTSTRAP: '1' }, 0)
  expect(lanes(second)).toEqual(['start passed', 'look passed', 'grow passed', 'shrink passed'])
  expect(portOf(second)).toBe(portOf(first))
})

test('a first lane that failed is done again in the same place, and skipBootstrap refuses it', async () => {
  await whole({ SMOKE_KEEP: 'always', TOY_FAULT: 'exit' }, 1)
  const refused = await whole({ SMOKE_SKIP_BOOTSTRAP: '1' }, 2)
  expect(refused.output()).toMatch(/lane "start" is not done in .*: there is nothing to go on with/)
  expect(lanes(await whole({ SMOKE_REUSE: '1' }, 0))).toEqual(['start passed', 'look passed', 'grow passed', 'shrink passed'])
})

test.each([
  { what: 'settings that are gone', spoil: () => { rmSync(join(workspace(), 'settings')) }, words: /settings/ },
  { what: 'settings with another port', spoil: () => { writeFileSync(join(workspace(), 'settings'), 'PORT=1\n') }, words: /settings/ },
  { what: 'another suite', spoil: () => { updateMarker(workspace(), { suite: 'other' }) }, words: /suite/ },
  { what: 'no marker', spoil: () => { rmSync(join(workspace(), '.clone-smoke.json')) }, words: /no (clone-smoke )?workspace|not a (clone-smoke )?workspace|marker/ },
  { what: 'a state that nobody knows', spoil: () => { writeFileSync(join(workspace(), 'state.json'), '{') }, words: /state\.json/ },
])('a workspace with $what is refused, and untouched', async ({ spoil, words }) => {
  await whole({ SMOKE_BOOTSTRAP_ONLY: '1' }, 0)
  spoil()
  const before = readdirSync(workspace()).toSorted()
  const refused = await whole({ SMOKE_REUSE: '1' }, 2)
  expect(refused.output()).toMatch(words)
  expect(refused.output()).toMatch(/\n {2}next: /)
  expect(readdirSync(workspace()).toSorted()).toEqual(before)
  expect(readdirSync(refused.temporary)).toEqual([])
})

test('force empties a directory that is no workspace; without it the directory is refused', async () => {
  mkdirSync(workspace())
  writeFileSync(join(workspace(), 'file'), 'mine')
  expect((await whole({}, 2)).output()).toMatch(/not a clone-smoke workspace and not empty/)
  expect(readdirSync(workspace())).toEqual(['file'])
  await whole({ SMOKE_FORCE: '1', SMOKE_KEEP: 'always' }, 0)
  expect(existsSync(join(workspace(), 'file'))).toBe(false)
})

test('force in a workspace that was kept leaves nothing of it, its port lock included', async () => {
  const temporary = join(base, 't')
  mkdirSync(temporary)
  await whole({ TMPDIR: temporary, SMOKE_BOOTSTRAP_ONLY: '1' }, 0)
  expect(readdirSync(temporary).filter((name) => name.includes('port'))).toHaveLength(1)
  await whole({ TMPDIR: temporary, SMOKE_FORCE: '1' }, 0)
  expect(readdirSync(temporary).filter((name) => name.includes('port'))).toEqual([])
  expect(existsSync(workspace())).toBe(false)
})

test.each([{ there: false }, { there: true }])('of two runs in one directory at once, one runs and the other leaves it alone (there: $there)', async ({ there }) => {
  if (there) mkdirSync(workspace())
  const both = [0, 1].map(() => start(['run', 'smoke'], { SMOKE_WORKSPACE: workspace() }))
  const codes = await Promise.all(both.map((run) => run.ended()))
  expect(codes.toSorted(), both.map((run) => run.output()).join('\n')).toEqual([0, 2])
  expect(both[codes.indexOf(2)]?.output()).toMatch(/another run made its workspace|belongs to a run that is alive|is not empty any more/)
  expect(existsSync(workspace())).toBe(there)
})

test.each([
  { what: 'silence', env: { TOY_FAULT: 'wait', SMOKE_HEARTBEAT_TIMEOUT: '2' }, verdict: 'stalled', words: /nothing was heard for 2 s; the last sign of life was: waiting/, remedy: /^SMOKE_HEARTBEAT_TIMEOUT=2 is less than its default of 240: run again without it; else: find out what hangs/ },
  { what: 'a process that grows', env: { TOY_FAULT: 'grow-memory', SMOKE_MEMORY_LIMIT: '250' }, verdict: 'resources', words: /more than 262 MB; the largest: /, remedy: /^find out what grows/ },
  { what: 'too many processes', env: { TOY_FAULT: 'wait-with-many', SMOKE_PROCESS_LIMIT: '3' }, verdict: 'resources', words: /processes, more than 3; the largest: /, remedy: /^find out what grows/ },
])('$what ends the run as $verdict, and the transcript of what came until then is kept', async ({ env, verdict, words, remedy }) => {
  const run = await whole(env, 1)
  expect(failure(run)).toMatchObject({ lane: 'start', step: 'greet', verdict: { class: verdict } })
  expect(failure(run)?.verdict?.diagnosis).toMatch(words)
  expect(failure(run)?.verdict?.remedy).toMatch(remedy)
  expect(lanes(run)).toEqual(['start failed', 'look skipped', 'grow skipped', 'shrink skipped'])
  expect(run.leftovers()).toEqual([])
  expect(existsSync(workspace())).toBe(false)
})

test('a run that falls silent between its steps fails all the same', async () => {
  const run = await whole({ TOY_FAULT: 'wait-outside', SMOKE_HEARTBEAT_TIMEOUT: '2' }, 1)
  expect(lanes(run)).toEqual(['start failed', 'look skipped', 'grow skipped', 'shrink skipped'])
  expect(run.record().lanes[0]?.verdict).toMatchObject({ class: 'stalled', remedy: expect.stringMatching(/^SMOKE_HEARTBEAT_TIMEOUT=2 is less than its default of 240: run again without it; else: (?!SMOKE)/) as string })
})

test('a run that was killed with its janitor is gone on with: what lives of it is ended first, and its workspace is not swept away', async () => {
  const place = join(base, 'clone-smoke-e2')
  const first = start(['run', 'smoke'], { SMOKE_WORKSPACE: place, TMPDIR: base, TOY_FAULT: 'wait-in-look' })
  await waitFor(() => existsSync(join(place, 'progress.ndjson')) && readFileSync(join(place, 'progress.ndjson'), 'utf8').includes('"step":"look","kind"') ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(first.output()),
  })
  const worker = readLedger(join(place, 'ledger.ndjson')).find((entry) => entry.kind === 'harness')?.process.pid
  for (const pid of [janitorOf(place, { watching: true })?.pid, worker, first.process.pid]) {
    if (pid === undefined) throw new Error('the run is not whole')
    process.kill(pid, 'SIGKILL')
  }
  await first.ended()
  const second = start(['run', 'smoke'], { SMOKE_WORKSPACE: place, TMPDIR: base, SMOKE_REUSE: '1' })
  expect(await second.ended(), second.output()).toBe(0)
  expect(lanes(second)).toEqual(['resume passed', 'start skipped', 'look passed', 'grow passed', 'shrink passed'])
  expect(first.leftovers()).toEqual([])
  const cleaned = startChildRun(['cleanup', place], { TMPDIR: base }, toy, cloneSmoke)
  runs.push(cleaned)
  expect(await cleaned.ended(), cleaned.output()).toBe(0)
  expect(readdirSync(base)).toEqual([])
})

test('forceBootstrap takes the port that is asked for', async () => {
  await whole({ SMOKE_BOOTSTRAP_ONLY: '1' }, 0)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  const again = await whole({ SMOKE_REUSE: '1', SMOKE_FORCE_BOOTSTRAP: '1', SMOKE_PORT_MAIN: String(port) }, 0, 'start.smoke')
  expect(portOf(again)).toBe(String(port))
})

test('results inside the workspace are refused: they would go with it', async () => {
  const run = await whole({ SMOKE_RESULTS: join(workspace(), 'results') }, 2)
  expect(run.output()).toMatch(/lie in the workspace/)
  expect(existsSync(workspace())).toBe(false)
})

test('a workspace in another workspace is refused', async () => {
  await whole({ SMOKE_BOOTSTRAP_ONLY: '1' }, 0)
  const inner = start(['run', 'smoke'], { SMOKE_WORKSPACE: join(workspace(), 'home/in') })
  expect(await inner.ended(), inner.output()).toBe(2)
  expect(inner.output()).toMatch(/lies in another workspace/)
})

test('a step that uses up half of its budget says so', async () => {
  const run = await whole({ TOY_FAULT: 'budget' }, 1)
  expect(run.progress().find((event) => event.type === 'step-slow')).toMatchObject({ lane: 'start', step: 'greet', budgetMs: 3000 })
  expect(run.output()).toMatch(/! greet .*half of its budget is gone/)
  expect(run.record().lanes[0]?.steps.find(({ name }) => name === 'greet')?.slow).toBe(true)
})

test('a run that writes into the home of the user fails, and says where', async () => {
  const run = await whole({ TOY_FAULT: 'host', HOME: base }, 1)
  expect(run.output()).toMatch(/changed outside the sandbox:\n.*\.toyrc/)
  expect(run.record()).toMatchObject({ outcome: 'failed', teardown: { hostChanges: [expect.stringMatching(/\.toyrc/)], verdict: { class: 'host-touched', diagnosis: expect.stringMatching(/^changed outside the sandbox: .*\.toyrc/) as string } } })
  expect(run.junit()).toMatch(/nothing outside the sandbox is changed[^]*<failure/)
})

test('a fixed port that a stranger holds is refused with the stranger’s name, and the stranger lives', async () => {
  const server: Server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as { port: number }
    const run = await whole({ SMOKE_PORT_MAIN: String(port) }, 2)
    expect(run.output()).toMatch(new RegExp(`${port}[^]*${process.pid}`))
    expect(server.listening).toBe(true)
    expect(readdirSync(run.temporary)).toEqual([])
    expect(existsSync(workspace())).toBe(false)
  } finally {
    server.close()
  }
})

test('a fixed port that is free is taken', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  expect(portOf(await whole({ SMOKE_PORT_MAIN: String(port) }, 0, 'start.smoke'))).toBe(String(port))
})

test("a suite's own option reaches its steps", async () => {
  const run = await whole({ SMOKE_GREETING: 'good morning', SMOKE_KEEP: 'always' }, 1, 'look.smoke')
  // The author's check of lane "look" wants `hello`.
  expect(readFileSync(join(workspace(), 'state.json'), 'utf8')).toContain('good morning')
  expect(lanes(run)).toEqual(['start passed', 'look failed'])
})

test.each([2, 8])('%i sandboxes at once do not meet', async (count) => {
  const all = Array.from({ length: count }, () => start(['run', 'smoke']))
  expect(await Promise.all(all.map((run) => run.ended(300_000)))).toEqual(all.map(() => 0))
  expect(new Set(all.map(portOf)).size).toBe(count)
  expect(all.flatMap((run) => run.leftovers())).toEqual([])
}, 330_000)
