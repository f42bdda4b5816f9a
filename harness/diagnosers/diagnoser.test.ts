import { statfsSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { StageRecord } from '../record.ts'
import { workspacePaths } from '../sandbox/workspace-paths.ts'
import { fail, type Verdict } from '../verdict.ts'
import { commonDiagnosers } from './common.ts'
import { explainVerdict, type Clues, type Diagnoser } from './diagnoser.ts'

const logs: Record<string, string> = { 'logs/a.log': 'one\nError: ENOSPC: no space left on device, write\nthree', 'logs/b.log': "Error [ERR_MODULE_NOT_FOUND]: Cannot find package 'left-pad' imported from /w/x.mjs" }
const clues: Clues = { lane: 'a', step: 's', stage: undefined, paths: workspacePaths('/w'), ports: {}, tail: (path) => logs[path] ?? '' }
const restart = fail('restart', 'it did not start', { evidence: ['logs/x.log'], remedy: 'look' }).verdict
const explain = (verdict: Verdict, diagnosers: readonly Diagnoser[], more: Partial<Clues> = {}): { verdict: Verdict; notes: string[] } => {
  const notes: string[] = []
  return { verdict: explainVerdict(verdict, { ...clues, ...more }, diagnosers, (text) => notes.push(text)), notes }
}
const finds = (name: string, cause: string, more: Partial<Diagnoser> = {}): Diagnoser => ({ name, look: () => ({ cause }), ...more })

test('the first cause that is found stands before what was seen; class, remedy and evidence are kept where it has none', () => {
  const none: Diagnoser = { name: 'none', look: () => undefined }
  const { verdict } = explain(restart, [none, finds('first', 'no port is free'), finds('second', 'never asked')])
  expect(verdict).toEqual({ ...restart, diagnosis: 'no port is free; it did not start' })
  const better = explain(restart, [{ name: 'better', look: () => ({ cause: 'x', class: 'readiness', remedy: 'y', evidence: ['logs/x.log', 'z'] }) }]).verdict
  expect(better).toEqual({ class: 'readiness', diagnosis: 'x; it did not start', evidence: ['logs/x.log', 'z'], remedy: 'y' })
})

test('a cause that the diagnosis tells already is not told twice', () => {
  expect(explain(restart, [finds('same', 'did not start')]).verdict.diagnosis).toBe('it did not start')
})

test('a diagnoser is asked about its classes only, and nobody about a run that was stopped', () => {
  expect(explain(restart, [finds('other', 'x', { explains: ['clone'] })]).verdict).toBe(restart)
  const stopped = fail('interrupted', 'SIGINT').verdict
  expect(explain(stopped, [finds('any', 'x')]).verdict).toBe(stopped)
})

test('a diagnoser that throws is named, and the next one is asked', () => {
  const broken: Diagnoser = { name: 'broken', look: () => { throw new Error('no such file') } }
  const { verdict, notes } = explain(restart, [broken, finds('next', 'a cause')])
  expect(verdict.diagnosis).toBe('a cause; it did not start')
  expect(notes).toEqual(['diagnoser "broken" failed: no such file'])
})

test('a full disk is told with the room that there is now, and which disk to look at', () => {
  const { verdict } = explain({ ...restart, evidence: ['logs/a.log'] }, commonDiagnosers, { paths: workspacePaths('/dev/shm') })
  const { bavail, bsize } = statfsSync('/dev/shm')
  expect(verdict.diagnosis).toMatch(/^the disk is full: .* write \(\d+ MB are left now where \/dev\/shm is\); it did not start$/)
  expect(verdict.remedy).toMatch(bavail * bsize >= 1e9 ? /^see which other file system is full/ : /^make room where \/dev\/shm is/)
})

const call = (error: string): StageRecord['observed'][number] => ({ server: 's', tool: 't', arguments: {}, status: 'failed', error })
const session = (observed: StageRecord['observed']): StageRecord => ({
  agent: { name: 'codex', version: '0.130.0', file: '' }, model: '', prompt: '', transcript: '', end: 'completed', exitCode: 0, modelRequests: 0, usage: {}, offeredTools: [], calls: [], observed,
})

test.each<[string, Verdict, Partial<Clues>, Partial<Verdict> | undefined]>([
  ['a full disk, in a log', { ...restart, evidence: ['logs/a.log'] }, {}, { diagnosis: 'the disk is full: Error: ENOSPC: no space left on device, write; it did not start' }],
  ['a full disk, in a file that is no log', { ...restart, evidence: ['a.txt'] }, { tail: () => 'No space left on device' }, undefined],
  ['a package of Node', { ...restart, evidence: ['logs/b.log'] }, {}, { diagnosis: 'the module left-pad is not there; it did not start' }],
  ['a module of Python', fail('check-failed', "ModuleNotFoundError: No module named 'yaml'").verdict, {}, { remedy: 'declare yaml among the dependencies of the checkout, or see why they were not installed' }],
  ['a module that the last line names', fail('bootstrap-step', "`python x.py` exited with 1; last line: ModuleNotFoundError: No module named 'yaml'").verdict, {}, { diagnosis: expect.stringMatching(/^the module yaml is not there; /) as string }],
  ['too many file watchers', fail('restart', "Error: ENOSPC: System limit for number of file watchers reached, watch '/w'").verdict, {}, undefined],
  ['a test that is named for a full disk', fail('check-failed', '✓ reports ENOSPC to the user').verdict, {}, undefined],
  ['a test that was skipped for a module', fail('check-failed', "skipped: optional, No module named 'numpy'").verdict, {}, undefined],
  ['a missing module that was survived', { ...restart, evidence: ['logs/a.log'] }, { tail: () => `ModuleNotFoundError: No module named 'numpy'\n${'on it went\n'.repeat(50)}` }, undefined],
  ['a file of the checkout', fail('restart', "Error: Cannot find module '/w/stack/x.mjs'").verdict, {}, undefined],
  ['every call refused by the agent', fail('tool-failed', 't never reached the stack').verdict, { stage: session([call('user cancelled MCP tool call'), call('MCP tool call requires approval')]) }, { class: 'agent-protocol', diagnosis: 'codex 0.130.0 refused all 2 calls itself, and none reached the stack (user cancelled MCP tool call); t never reached the stack' }],
  ['one call refused of two', fail('tool-failed', 't').verdict, { stage: session([call('user cancelled MCP tool call'), call('boom')]) }, undefined],
  ['no call made', fail('tool-failed', 't').verdict, { stage: session([]) }, undefined],
])('common causes: %s', (_what, verdict, more, expected) => {
  const { verdict: explained, notes } = explain(verdict, commonDiagnosers, more)
  if (expected === undefined) expect(explained).toBe(verdict)
  else expect(explained).toMatchObject(expected)
  expect(notes).toEqual([])
})
