import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import type { ProgressEvent } from '../record.ts'
import { readLedger } from '../sandbox/ledger.ts'
import { startChildRun, type ChildRun } from '../testing/child-run.ts'

const toy = fileURLToPath(new URL('../testing/toy', import.meta.url))

let run: ChildRun | undefined
afterEach(async () => {
  await run?.dispose()
  run = undefined
})

function start(args: readonly string[], env: Record<string, string> = {}): ChildRun {
  run = startChildRun(args, env, toy)
  return run
}

const lanes = (events: readonly ProgressEvent[]): string[] =>
  events.flatMap((event) => event.type === 'lane-ended' ? [`${event.lane} ${event.status}`] : [])
const ended = (events: readonly ProgressEvent[], step: string): Extract<ProgressEvent, { type: 'step-ended' }> | undefined =>
  events.find((event): event is Extract<ProgressEvent, { type: 'step-ended' }> => event.type === 'step-ended' && event.step === step)

test('runs all lanes in declared order, exits 0 and leaves nothing', async () => {
  const child = start(['run', 'smoke'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(lanes(child.progress())).toEqual(['start passed', 'look passed', 'grow passed', 'shrink passed'])
  // The one process that was ended is the server that lane "grow" started and nobody stopped.
  expect(child.progress().at(-1)).toMatchObject({ type: 'teardown-ended', ended: 1, leftovers: [], workspaceKept: false })
  expect(child.leftovers()).toEqual([])
})

test.each([
  { filter: 'start', expected: ['start selected'] },
  { filter: 'look.smoke', expected: ['start set-up', 'look selected'] },
  { filter: 'shrink.smoke', expected: ['start set-up', 'grow set-up', 'shrink selected'] },
])('$filter alone brings the lanes it needs, and no other', async ({ filter, expected }) => {
  const child = start(['run', filter])
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.progress().flatMap((event) => event.type === 'lane-started' ? [`${event.lane} ${event.purpose}`] : [])).toEqual(expected)
})

test.each([
  { fault: 'exit', step: 'greet', verdict: 'bootstrap-step', words: /exited with 4; last lines:\nbroken/, after: ['start failed', 'look skipped', 'grow skipped', 'shrink skipped'] },
  { fault: 'budget', step: 'greet', verdict: 'budget', words: /step "greet" took longer than its budget of 3 s.*waiting/s, after: ['start failed', 'look skipped', 'grow skipped', 'shrink skipped'] },
  { fault: 'invariant', step: 'prepare', verdict: 'dirty-repo', words: /after step "prepare" of lane start: there is dirt/, after: ['start failed', 'look skipped', 'grow skipped', 'shrink skipped'] },
  { fault: 'late', step: 'look', verdict: 'budget', words: /took longer than its budget of 0.2 s$/, after: ['start passed', 'look failed', 'grow passed', 'shrink passed'] },
  { fault: 'swallow', step: 'shrink', verdict: 'bootstrap-step', words: /it does not shrink/, after: ['start passed', 'look passed', 'grow passed', 'shrink failed'] },
  { fault: 'look', step: 'look', verdict: 'drift', words: /it looks odd/, after: ['start passed', 'look failed', 'grow passed', 'shrink passed'] },
])('fault $fault: step $step fails as $verdict, dependants skip', async ({ fault, step, verdict, words, after }) => {
  const child = start(['run', 'smoke'], { TOY_FAULT: fault })
  expect(await child.ended(), child.output()).toBe(1)
  const events = child.progress()
  expect(ended(events, step)).toMatchObject({ status: 'failed', verdict: { class: verdict } })
  expect(ended(events, step)?.verdict?.diagnosis).toMatch(words)
  // What it points at is among the results, wherever it was.
  for (const file of ended(events, step)?.verdict?.evidence ?? []) expect(existsSync(join(child.results, 'latest', file)), file).toBe(true)
  expect(lanes(events)).toEqual(after)
  expect(child.leftovers()).toEqual([])
})

test('a step that a lane declares and never runs is a fault of the lane', async () => {
  const child = start(['run', 'grow'], { TOY_FAULT: 'forgotten' })
  expect(await child.ended()).toBe(1)
  expect(child.progress().find((event) => event.type === 'lane-ended' && event.lane === 'grow')).toMatchObject({
    status: 'failed', verdict: { class: 'harness-bug', diagnosis: 'lane grow ended without running its step "forgotten"' },
  })
})

test.each([
  { fault: 'check', lane: 'look', title: 'the author sees the facts of the lane', after: ['start passed', 'look failed', 'grow passed', 'shrink passed'] },
  { fault: 'grown', lane: 'grow', title: 'the author sees what the lane added', after: ['start passed', 'look passed', 'grow failed', 'shrink skipped'] },
])("a failed check of the author's own fails the lane $lane, and what builds on it skips", async ({ fault, lane, title, after }) => {
  const child = start(['run', 'smoke'], { TOY_FAULT: fault })
  expect(await child.ended(), child.output()).toBe(1)
  const events = child.progress()
  expect(events.find((event) => event.type === 'lane-ended' && event.lane === lane)).toMatchObject({
    verdict: { class: 'check-failed', diagnosis: `failed: ${title}` },
  })
  expect(lanes(events)).toEqual(after)
})

test('a daemon that nobody stopped is ended, and the run stays green', async () => {
  const child = start(['run', 'start'], { TOY_FAULT: 'daemon' })
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.progress().at(-1)).toMatchObject({ ended: 1, leftovers: [] })
  expect(child.leftovers()).toEqual([])
})

test.each([
  { keep: 'always', fault: '', kept: true },
  { keep: 'failed', fault: '', kept: false },
  { keep: 'failed', fault: 'exit', kept: true },
  { keep: 'never', fault: 'exit', kept: false },
])('SMOKE_KEEP=$keep after a fault "$fault": workspace kept is $kept', async ({ keep, fault, kept }) => {
  const child = start(['run', 'start'], { SMOKE_KEEP: keep, TOY_FAULT: fault })
  await child.ended()
  expect(child.progress().at(-1)).toMatchObject({ workspaceKept: kept })
  expect(child.leftovers().filter((name) => /^clone-smoke-\d/.test(name))).toHaveLength(kept ? 1 : 0)
})

test.each([
  { what: 'an empty directory of the user stays, and stays empty', path: 'mine', make: true, keep: 'never', left: ['mine'] },
  { what: 'directories made for the workspace go with it', path: 'not/yet/there', make: false, keep: 'never', left: [] },
  { what: 'a kept workspace stays where it was asked to be', path: 'kept', make: false, keep: 'always', left: ['kept'] },
])('$what', async ({ path, make, keep, left }) => {
  const base = mkdtempSync(join(tmpdir(), 'asked-'))
  try {
    if (make) mkdirSync(join(base, path))
    const child = start(['run', 'start'], { SMOKE_KEEP: keep, SMOKE_WORKSPACE: join(base, path) })
    expect(await child.ended(), child.output()).toBe(0)
    expect(readdirSync(base)).toEqual(left)
    expect(/^go on .*$/m.exec(child.output())?.[0]).toBe(keep === 'always' ? `go on   SMOKE_RESULTS=${child.results} SMOKE_WORKSPACE=${join(base, path)} SMOKE_REUSE=1 npx vitest run start.smoke` : undefined)
    if (left.length > 0) expect(readdirSync(join(base, path)).includes('state.json')).toBe(keep === 'always')
  } finally {
    rmSync(base, { recursive: true, force: true })
  }
})

test('a lane that fails as set-up makes the run fail, though no test of it ran', async () => {
  const child = start(['run', 'look.smoke'], { TOY_FAULT: 'exit' })
  expect(await child.ended(), child.output()).toBe(1)
  expect(lanes(child.progress())).toEqual(['start failed', 'look skipped'])
  expect(child.record().lanes[1]?.because).toBe(child.record().lanes[0]?.name)
})

test('a test filter that leaves the steps out runs them all the same', async () => {
  const child = start(['run', 'look.smoke', '-t', 'no dirt'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(lanes(child.progress())).toEqual(['start passed', 'look passed'])
})

test('a worker that dies makes the run fail, and what it wrote is kept', async () => {
  const child = start(['run', 'smoke'], { TOY_FAULT: 'wait' })
  await untilWaiting(child)
  const [workspace = ''] = readdirSync(child.temporary).filter((name) => name.startsWith('clone-smoke-'))
  const worker = readLedger(join(child.temporary, workspace, 'ledger.ndjson')).find((entry) => entry.kind === 'harness')
  if (!worker) throw new Error('no worker is in the ledger')
  process.kill(worker.process.pid, 'SIGKILL')
  expect(await child.ended(), child.output()).toBe(1)
  expect(child.progress().at(-1)).toMatchObject({ type: 'teardown-ended', leftovers: [] })
  expect(child.record().outcome).toBe('failed')
  await untilNothingIsLeft(child)
})

test.each([
  { what: 'an unknown option', env: { SMOKE_KEEEP: 'always' }, code: 2, words: /unknown option SMOKE_KEEEP\n {2}next: did you mean SMOKE_KEEP\?/ },
  { what: 'an unknown suite', env: { SMOKE_SUITE: 'toi' }, code: 2, words: /no suite called "toi"[^]*did you mean SMOKE_SUITE=toy\?/ },
  { what: 'a source the suite does not have', env: { SMOKE_SOURCE_X: '/y' }, code: 2, words: /unknown option SMOKE_SOURCE_X/ },
  { what: 'an agent program that is not there', env: { SMOKE_AGENT_BIN: '/no/agent' }, code: 3, words: /\/no\/agent[^]*next: / },
  { what: 'a number that is none', env: { SMOKE_STAGE_TIMEOUT: 'soon' }, code: 2, words: /SMOKE_STAGE_TIMEOUT="soon" does not fit/ },
])('$what ends the run with exit code $code before anything is made', async ({ env, code, words }) => {
  const child = start(['run', 'smoke'], env)
  expect(await child.ended(), child.output()).toBe(code)
  expect(child.output()).toMatch(words)
  expect(child.output()).not.toMatch(/^\s+at /m)
  expect(readdirSync(child.temporary)).toEqual([])
  expect(existsSync(child.results)).toBe(false)
})

test.each([
  { filters: ['gro.smoke'], words: /suite toy has no lane for the filter "gro\.smoke"\n {2}next: did you mean grow\.smoke\?/ },
  { filters: ['look.smoke', '/shrnk.smoke'], words: /no lane for the filter "\/shrnk\.smoke"\n {2}next: did you mean shrink\.smoke\?/ },
  { filters: ['nothing-like-it.smoke'], words: /next: lanes: .*grow.*look/ },
])('the filters $filters mean no lane: the run ends with 2 before anything is made', async ({ filters, words }) => {
  const child = start(['run', ...filters])
  expect(await child.ended(), child.output()).toBe(2)
  expect(child.output()).toMatch(words)
  expect(existsSync(child.results)).toBe(false)
})

test('a workspace path with files of the user is refused and untouched', async () => {
  const child = start(['run', 'smoke'])
  await child.ended()
  const precious = join(child.temporary, 'precious')
  mkdirSync(precious)
  writeFileSync(join(precious, 'file'), 'mine')
  const refused = startChildRun(['run', 'smoke'], { SMOKE_WORKSPACE: precious }, toy)
  try {
    expect(await refused.ended()).toBe(2)
    expect(refused.output()).toMatch(/not a clone-smoke workspace and not empty/)
    expect(readFileSync(join(precious, 'file'), 'utf8')).toBe('mine')
    expect(readdirSync(precious)).toEqual(['file'])
  } finally {
    await refused.dispose()
  }
})

test('vitest list names the tests of every lane, runs none, and leaves nothing', async () => {
  const child = start(['list', 'smoke'])
  expect(await child.ended(), child.output()).toBe(0)
  for (const line of ['start.smoke.ts > prepare', 'look.smoke.ts > no dirt', 'shrink.smoke.ts > shrink']) expect(child.output()).toContain(line)
  expect(existsSync(child.results) ? readdirSync(child.results) : []).toEqual([])
  expect(child.leftovers()).toEqual([])
})

/** Waits until the run is inside the step that never ends. */
async function untilWaiting(child: ChildRun): Promise<void> {
  await waitFor(() => child.progress().some((event) => event.type === 'step-started' && event.step === 'greet') ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(`never began to wait:\n${child.output()}`),
  })
}

async function untilNothingIsLeft(child: ChildRun): Promise<void> {
  await waitFor(() => child.leftovers().length === 0 ? true : undefined, {
    deadlineMs: 30_000, otherwise: () => new Error(`left: ${child.leftovers().join(', ')}`),
  })
}

test.each(['the group', 'the process'] as const)('SIGINT to %s while a lane runs as set-up is told as such', async (to) => {
  const child = start(['run', 'look.smoke'], { TOY_FAULT: 'wait' })
  await untilWaiting(child)
  const { pid } = child.process
  if (pid === undefined) throw new Error('no pid')
  process.kill(to === 'the group' ? -pid : pid, 'SIGINT')
  expect(await child.ended(), child.output()).toBe(130)
  expect(child.progress().find((event) => event.type === 'lane-ended' && event.lane === 'start')).toMatchObject({ verdict: { class: 'interrupted' } })
  expect(child.record().outcome).toBe('interrupted')
  await untilNothingIsLeft(child)
})

test.each(['the group', 'the process'] as const)('SIGKILL to %s: the janitor leaves nothing and keeps the evidence', async (to) => {
  const child = start(['run', 'smoke'], { TOY_FAULT: 'wait' })
  await untilWaiting(child)
  const { pid } = child.process
  if (pid === undefined) throw new Error('no pid')
  process.kill(to === 'the group' ? -pid : pid, 'SIGKILL')
  expect(await child.ended()).toBe('SIGKILL')
  await untilNothingIsLeft(child)
  await waitFor(() => child.progress().some((event) => event.type === 'step-started' && event.step === 'greet') ? true : undefined, {
    deadlineMs: 10_000, otherwise: () => new Error('the evidence was not kept'),
  })
})
