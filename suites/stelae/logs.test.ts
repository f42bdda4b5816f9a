import { expect, test } from 'vitest'
import { bundleOutcome } from './bundle-output.ts'
import { failedTests, sortFailures } from './full-tests.ts'
import { serverStates } from './proxy-log.ts'

const at = '2026-01-01T00:00:00: 2026/01/01 00:00:00'

test('a server that began to connect and was not heard of since is waited for', () => {
  const log = [`${at} <fs> Connecting`, `${at} <custom> Connecting`, `${at} <fs> Successfully listed 2 tools`, `${at} <fs> Connected`].join('\n')
  expect(serverStates(log)).toEqual({ waiting: ['custom'], failed: [], connected: ['fs'] })
})

test('the last start counts, and a failure has its reason', () => {
  const first = [`${at} <fs> Connecting`, `${at} <fs> Connected`, `${at} Shutdown signal received`]
  const second = [`${at} <fs> Connecting`, `${at} <rg> Connecting`, `${at} <rg> Failed to add client to server: failed to initialize: EOF`]
  expect(serverStates([...first, ...second].join('\n'))).toEqual({ waiting: ['fs'], failed: [{ server: 'rg', reason: 'failed to initialize: EOF' }], connected: [] })
  expect(serverStates('')).toEqual({ waiting: [], failed: [], connected: [] })
})

test.each([
  { output: "[bundle] Installing 'fs'…\nBundle 'x' (/p)\nInstalled: fs, rg\nSkipped: mem\nRan commands: none\n", outcome: { installed: ['fs', 'rg'], skipped: ['mem'], errors: [] } },
  { output: 'Installed:\n  - fs\n  - rg\nErrors:\n  - sh: Command \'uvx\' not found in PATH\n', outcome: { installed: ['fs', 'rg'], skipped: [], errors: ["sh: Command 'uvx' not found in PATH"] } },
  { output: 'nothing of the kind', outcome: { installed: [], skipped: [], errors: [] } },
])('the bundle installer says what it did: $outcome', ({ output, outcome }) => {
  expect(bundleOutcome(output)).toEqual(outcome)
})

const summary = [
  'FAILED tests/test_a.py::test_plan_only_refuses_windows_mount - AssertionError: assert 0 != 0',
  'FAILED tests/test_b.py::test_new[a b] - ValueError: x - y',
  'ERROR tests/test_c.py - ModuleNotFoundError: No module named z',
  '3 failed, 1 passed in 1.00s',
].join('\n')

test('failed tests and errors of collection are read from the summary', () => {
  expect(failedTests(summary).map(({ test }) => test)).toEqual(['tests/test_a.py::test_plan_only_refuses_windows_mount', 'tests/test_b.py::test_new[a b]', 'tests/test_c.py'])
})

test('a known failure is one only while it fails in the known way', () => {
  const known = { test: 'tests/test_a.py::test_plan_only_refuses_windows_mount', message: 'AssertionError: assert 0 != 0' }
  expect(sortFailures([known])).toMatchObject({ known: [{ test: known.test }], unknown: [] })
  expect(sortFailures([{ ...known, message: 'SyntaxError' }])).toMatchObject({ known: [], unknown: [{ message: 'SyntaxError' }] })
})
