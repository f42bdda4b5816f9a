import { existsSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { XMLParser } from 'fast-xml-parser'
import { afterEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { startChildRun, type ChildRun } from '../../harness/testing/child-run.ts'

let run: ChildRun | undefined
afterEach(async () => {
  await run?.dispose()
  run = undefined
})

const timeout = 180_000
const stages = ['bundle-tools', 'install', 'remove']

test('all five lanes are green, the real agent’s transcripts are attached, nothing is left', { timeout }, async () => {
  // The clone's own full tests start a stack of their own; they have the machine to themselves in CI's last run.
  run = startChildRun(['run', 'smoke'], { SMOKE_TEST_SCOPE: 'structural' })
  expect(await run.ended(), run.output()).toBe(0)
  const record = run.record()
  expect(record.outcome).toBe('passed')
  expect(record.lanes.map(({ name, status, purpose }) => `${name} ${status} ${purpose}`)).toEqual(
    ['bootstrap', 'bundle-tools', 'install', 'remove', 'verify-clean'].map((lane) => `${lane} passed selected`),
  )
  expect(record.lanes.flatMap(({ tests }) => tests.filter(({ status }) => status !== 'passed').map(({ name, message }) => `${name}: ${message}`))).toEqual(['full tests: the test scope is "structural"'])
  expect(record.teardown).toMatchObject({ leftovers: [], workspaceKept: false })
  expect(record.facts['source.stack']).toMatch(/^suites\/reference\/stack at [0-9a-f]{40}$/)

  const results = join(run.results, readlinkSync(join(run.results, 'latest')))
  for (const stage of stages) {
    const lines = readFileSync(join(results, 'transcripts', `${stage}.jsonl`), 'utf8').trim().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual(expect.arrayContaining(['thread.started', 'turn.completed']))
  }
  const found = record.lanes.flatMap(({ steps }) => steps.flatMap(({ stage }) => stage ?? []))
  expect(found).toHaveLength(3)
  for (const { agent, calls } of found) {
    expect(agent).toMatchObject({ name: 'codex', version: '0.169.0' })
    for (const { attempted, executed, effective } of calls) expect([attempted.answer, executed.answer, effective.answer]).toEqual(['yes', 'yes', 'yes'])
  }

  const parsed = new XMLParser({ ignoreAttributes: false, attributeNamePrefix: '' }).parse(run.junit()) as {
    testsuites: { testsuite: { name: string; failures: string }[] }
  }
  expect(parsed.testsuites.testsuite.map(({ name, failures }) => `${name} ${failures}`)).toEqual(
    ['bootstrap', 'bundle-tools', 'install', 'remove', 'verify-clean', 'teardown'].map((lane) => `reference.${lane} 0`),
  )
  const attachments = [...run.junit().matchAll(/\[\[ATTACHMENT\|(.*?)\]\]/g)].map(([, path]) => path ?? '')
  expect(attachments.filter((path) => !existsSync(path))).toEqual([])
  for (const stage of stages) expect(attachments).toContain(join(results, 'transcripts', `${stage}.jsonl`))
  expect(run.leftovers()).toEqual([])
})

test.each([
  { lacks: 'git', programs: ['npm'], remedy: 'apt-get install git' },
  { lacks: 'npm', programs: ['git'], remedy: 'it comes with Node' },
])('a machine without $lacks is told so before anything is made', async ({ lacks, programs, remedy }) => {
  const bin = mkdtempSync(join(tmpdir(), 'bin-'))
  try {
    for (const program of ['node', ...programs]) {
      const found = (process.env.PATH ?? '').split(':').map((folder) => join(folder, program)).find((file) => existsSync(file))
      if (found === undefined) throw new Error(`${program} is not on PATH`)
      symlinkSync(found, join(bin, program))
    }
    run = startChildRun(['run', 'smoke'], { PATH: bin })
    expect(await run.ended(), run.output()).toBe(3)
    expect(run.output()).toContain(`clone-smoke: ${lacks} is not on PATH\n  next: `)
    expect(run.output()).toContain(remedy)
    expect([...run.leftovers(), existsSync(run.results)]).toEqual([false])
  } finally {
    rmSync(bin, { recursive: true, force: true })
  }
})

test('remove alone brings up what it needs and no more', { timeout }, async () => {
  run = startChildRun(['run', 'remove.smoke'])
  expect(await run.ended(), run.output()).toBe(0)
  expect(run.record().lanes.map(({ name, status, purpose }) => `${name} ${status} ${purpose}`)).toEqual([
    'bootstrap passed set-up', 'install passed set-up', 'remove passed selected',
  ])
  expect(run.leftovers()).toEqual([])
})

test.each([
  { signal: 'SIGINT', step: 'restart', filter: 'bootstrap.smoke', code: 130 },
  { signal: 'SIGINT', step: 'bundle-tools', filter: 'bundle-tools.smoke', code: 130 },
  { signal: 'SIGTERM', step: 'install', filter: 'install.smoke', code: 143 },
  { signal: 'SIGKILL', step: 'restart', filter: 'bootstrap.smoke', code: 'SIGKILL' },
  { signal: 'SIGKILL', step: 'install', filter: 'install.smoke', code: 'SIGKILL' },
] as const)('$signal during $step leaves no process, no workspace, and the evidence', { timeout }, async ({ signal, step, filter, code }) => {
  const child = startChildRun(['run', filter])
  run = child
  await waitFor(() => child.progress().some((event) => event.type === 'step-started' && event.step === step) ? true : undefined, {
    deadlineMs: 120_000, otherwise: () => new Error(`step ${step} never began:\n${child.output()}`),
  })
  const { pid } = child.process
  if (pid === undefined) throw new Error('no pid')
  process.kill(-pid, signal)
  expect(await child.ended(), child.output()).toBe(code)
  await waitFor(() => child.leftovers().length === 0 ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(`left: ${child.leftovers().join(', ')}`),
  })
  expect(child.progress().some((event) => event.type === 'step-started' && event.step === step)).toBe(true)
})
