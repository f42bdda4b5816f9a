import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { LaneRecord, ProgressEvent, RunRecord } from '../harness/record.ts'
import { columnsOf } from './columns.ts'
import { closingLines, isHeartbeatDue, paintFor, progressLines, runningLine, stillRunningLine } from './terminal.ts'

const plain = paintFor({ NO_COLOR: '1' }, true)
const at = '2026-01-01T00:00:00.000Z'
const ended = { at, type: 'step-ended', lane: 'a', step: 'clone', durationMs: 400, budgetMs: 20_000, logs: [] as string[] } as const
const found = { at, type: 'finding', lane: 'a', step: 's', id: 'x', section: '1.5', promised: '`ao` stops', happened: 'it does not', severity: 'low', reproduce: '', expected: false } as const

test.each<[string, NodeJS.ProcessEnv, boolean, boolean]>([
  ['a terminal', {}, true, true],
  ['a pipe', {}, false, false],
  ['NO_COLOR', { NO_COLOR: '1' }, true, false],
  ['an empty NO_COLOR', { NO_COLOR: '' }, true, true],
  ['FORCE_COLOR in a pipe', { FORCE_COLOR: '1' }, false, true],
  ['FORCE_COLOR against NO_COLOR', { FORCE_COLOR: '1', NO_COLOR: '1' }, false, true],
  ['a dumb terminal', { TERM: 'dumb' }, true, false],
])('colours with %s', (_what, env, isTerminal, coloured) => {
  expect(paintFor(env, isTerminal).bad('x') !== 'x').toBe(coloured)
})

test.each<[string, ProgressEvent, string[]]>([
  ['a selected lane', { at, type: 'lane-started', lane: 'a', purpose: 'selected', index: 2, of: 5 }, ['', 'lane 2/5 a']],
  ['a lane that another one needs', { at, type: 'lane-started', lane: 'a', purpose: 'set-up', index: 0, of: 5 }, ['', 'set-up a']],
  ['a step that passed', { ...ended, status: 'passed' }, ['  ✓ clone                   0.4 s / 20 s']],
  ['a step that failed', { ...ended, status: 'failed', verdict: { class: 'clone', diagnosis: 'no such repo\nreally', evidence: [] } }, ['  ✗ clone                   0.4 s / 20 s', '      clone: no such repo', '      really']],
  ['a step with a remedy', { ...ended, status: 'failed', verdict: { class: 'budget', diagnosis: 'late', evidence: [], remedy: 'wait' } }, ['  ✗ clone                   0.4 s / 20 s', '      budget: late', '      remedy  wait']],
  ['a diagnosis with terminal codes', { ...ended, status: 'failed', verdict: { class: 'clone', diagnosis: '\u001B[2J\u001B[31mred\u0007', evidence: [] } }, ['  ✗ clone                   0.4 s / 20 s', String.raw`      clone: red\x07`]],
  ['the start of a run', { at, type: 'run-started', run: 'r', suite: 's', workspace: '/w', results: '/r' }, ['clone-smoke suite s, run r', 'sandbox /w', 'results /r']],
  ['a long reason', { at, type: 'lane-ended', lane: 'b', status: 'skipped', durationMs: 0, reason: `${'word '.repeat(24)}\nsecond line` }, ['', `lane b skipped: ${'word '.repeat(13).trimEnd()}`, `                ${'word '.repeat(11).trimEnd()}`, '                second line']],
  ['a long note', { at, type: 'note', text: 'word '.repeat(20).trimEnd() }, [`  note ${'word '.repeat(14).trimEnd()}`, `       ${'word '.repeat(6).trimEnd()}`]],
  ['a long reason of a step', { ...ended, status: 'skipped', reason: 'word '.repeat(12).trimEnd() }, [`  - clone                  skipped: ${'word '.repeat(9).trimEnd()}`, `                           ${'word '.repeat(3).trimEnd()}`]],
  ['a step that was skipped', { ...ended, status: 'skipped', reason: 'step "x" failed' }, ['  - clone                  skipped: step "x" failed']],
  ['a lane that was skipped', { at, type: 'lane-ended', lane: 'b', status: 'skipped', durationMs: 0, reason: 'lane "a" failed' }, ['', 'lane b skipped: lane "a" failed']],
  ['a failed check', { ...ended, status: 'failed', verdict: { class: 'check-failed', diagnosis: `x: promised: a\n{ ${'word '.repeat(40)}`, evidence: [] } }, ['  ✗ clone                   0.4 s / 20 s', `      check-failed: x: promised: a { ${'word '.repeat(8)}wo…`]],
  ['a known finding', { ...found, expected: true }, ['      ! known §1.5 `ao` stops']],
  ['a new finding', { ...found, happened: `it\nwent ${'on '.repeat(40)}` }, [`      ! new §1.5 \`ao\` stops; happened: it went ${'on '.repeat(10)}on…`]],
  ['a finding that came no more', { at, type: 'stale-finding', lane: 'a', step: 's', id: 'x' }, ['      ! known, and not found any more: x']],
  ['a fact', { at, type: 'fact', name: 'n', value: 'v' }, []],
])('%s', (_what, event, lines) => {
  expect(progressLines(event, plain)).toEqual(lines)
})

test('the end names each lane, why it failed, where to look and what to type', () => {
  const lane = (parts: Partial<LaneRecord> & { name: string }): LaneRecord => ({ purpose: 'selected', status: 'passed', durationMs: 1500, startedAt: at, steps: [], tests: [], ...parts })
  const never: LaneRecord = { name: 'd', purpose: 'selected', status: 'skipped', durationMs: 0, reason: 'lane "b" failed: drift', because: 'b', steps: [], tests: [] }
  const record: RunRecord = {
    schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 9000, facts: {}, notes: [], errors: [],
    lanes: [
      lane({ name: 'a', purpose: 'set-up' }),
      lane({ name: 'b', status: 'failed', verdict: { class: 'drift', diagnosis: 'it looks odd', evidence: ['logs/b.log'], remedy: 'look again', consequences: ['drift: it looks odd elsewhere'] }, reproduce: 'npx vitest run b' }),
      never,
    ],
    teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: [], workspaceKept: false, processesKept: false },
  }
  expect(closingLines(record, { results: '/cwd/smoke-results/r', workspace: '/w', cwd: '/cwd', goOn: 'SMOKE_REUSE=1 go on' }, plain).join('\n')).toMatchInlineSnapshot(`
    "
      a                 passed    1.5 s  (set-up)
      b                 failed    1.5 s  drift
      d                 skipped       -  lane "b" failed: drift

    ✗ b: drift
      it looks odd
      look at smoke-results/r/logs/b.log
      remedy  look again
      so also drift: it looks odd elsewhere
      so also lane d did not run
      again   npx vitest run b

    failed in 9.0 s, nothing left behind (0.0 s)
    report smoke-results/r/report.html"
  `)
})

test('checks that fail beside the verdict are told too, results elsewhere by their whole path, and a kept sandbox by its path', () => {
  const record: RunRecord = {
    schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 9000, facts: {}, notes: [], errors: ['\u001B[2Jboom'],
    lanes: [{
      name: 'a', purpose: 'selected', status: 'failed', startedAt: at, durationMs: 1, steps: [],
      verdict: { class: 'drift', diagnosis: 'it looks odd', evidence: ['logs/a.log'] },
      tests: [
        { name: 'look', status: 'failed', durationMs: 1, message: 'drift: it looks odd\n  evidence: logs/a.log' },
        { name: 'own', status: 'failed', durationMs: 1, message: 'expected 1 to be 2' },
      ],
    }],
    teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: [], workspaceKept: true, processesKept: false },
  }
  expect(closingLines(record, { results: '/results/r', workspace: '/w', cwd: '/cwd', goOn: 'SMOKE_REUSE=1 go on' }, plain).join('\n')).toMatchInlineSnapshot(`
    "
      a                 failed    0.0 s  drift

    ✗ a: drift
      it looks odd
      own
      expected 1 to be 2
      look at /results/r/logs/a.log

    error outside the lanes: boom

    failed in 9.0 s, workspace kept, no process left
    sandbox /w
    go on   SMOKE_REUSE=1 go on
    give up npx clone-smoke cleanup /w
    report /results/r/report.html"
  `)
})

test('a paused run says what to read, how to go on and how to give up', () => {
  const record: RunRecord = {
    schema: 1, run: 'r', suite: 'toy', outcome: 'paused', startedAt: at, durationMs: 9000, facts: {}, notes: [], errors: [], lanes: [],
    paused: { lane: 'ask', stage: 'question', file: 'manual_stage_ask.md' },
    teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: [], workspaceKept: true, processesKept: true },
  }
  expect(closingLines(record, { results: '/cwd/r', workspace: '/w', cwd: '/cwd', goOn: 'SMOKE_REUSE=1 go on' }, plain).join('\n')).toMatchInlineSnapshot(`
    "

    paused before "question" in 9.0 s, workspace kept, its stack is left running
    read    /w/manual_stage_ask.md
    sandbox /w
    go on   SMOKE_REUSE=1 go on
    give up npx clone-smoke cleanup /w
    report r/report.html"
  `)
})

test('beside the outcome stands what was found, and what lies beside the report is named', () => {
  const results = mkdtempSync(join(tmpdir(), 'terminal-'))
  try {
    mkdirSync(join(results, 'logs'))
    for (const name of ['run.json', 'findings.md']) writeFileSync(join(results, name), '')
    const record: RunRecord = {
      schema: 1, run: 'r', suite: 'toy', outcome: 'passed', startedAt: at, durationMs: 9000, facts: {}, notes: [], errors: [], lanes: [],
      findings: [{ lane: 'a', step: '3.7 kill', id: 'x', section: '3.7', promised: 'p', happened: 'h', severity: 'high', reproduce: '', expected: true }],
      teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: [], workspaceKept: false, processesKept: false },
    }
    expect(closingLines(record, { results, workspace: '/w', cwd: '/cwd', goOn: '' }, plain).slice(-4)).toEqual([
      'passed in 9.0 s, nothing left behind (0.0 s)', '1 finding: 0 new; 1 breaks a promise; 0 checks hold',
      `report ${results}/report.html`, '       beside it findings.md, run.json, logs/',
    ])
  } finally {
    rmSync(results, { recursive: true, force: true })
  }
})

test('at the end a failed check is told whole, but not without an end', () => {
  const lines = (diagnosis: string): string[] => closingLines({
    schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 1, facts: {}, notes: [], errors: [], teardown: null,
    lanes: [{ name: 'a', purpose: 'selected', status: 'failed', durationMs: 1, steps: [], tests: [], verdict: { class: 'check-failed', diagnosis, evidence: [] } }],
  }, { results: '/r', workspace: '/w', cwd: '/cwd', goOn: '' }, plain)
  expect(lines(`${'word '.repeat(100)}\nlast`)).toContain('  last')
  expect(lines('word '.repeat(1000)).find((line) => line.startsWith('  word'))).toMatch(/^.{1900,2010} word …$/)
})

test('a run that changed something of the user says what', () => {
  const record: RunRecord = {
    schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 9000, facts: {}, notes: [], errors: [], lanes: [],
    teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: ['/home/me/.npmrc was changed'], workspaceKept: false, processesKept: false },
  }
  expect(closingLines(record, { results: '/cwd/r', workspace: '/w', cwd: '/cwd', goOn: 'SMOKE_REUSE=1 go on' }, plain)).toContain('failed in 9.0 s, changed outside the sandbox: /home/me/.npmrc was changed')
})

test('the end shows the last lines of the log of the step that failed, and no log twice', () => {
  const results = mkdtempSync(join(tmpdir(), 'terminal-'))
  try {
    mkdirSync(join(results, 'logs'))
    writeFileSync(join(results, 'logs/a-one.log'), `${Array.from({ length: 20 }, (_, index) => `line ${index}`).join('\n')}\n`)
    const lane = (diagnosis: string): LaneRecord => ({
      name: 'a', purpose: 'selected', status: 'failed', startedAt: at, durationMs: 1, tests: [], verdict: { class: 'drift', diagnosis, evidence: ['logs/a-one.log'] },
      steps: [{ name: 'one', kind: 'step', status: 'failed', startedAt: at, durationMs: 1, budgetMs: 1, logs: ['logs/a-one.log'] }],
    })
    const lines = (diagnosis: string): string[] => closingLines({
      schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 9000, facts: {}, notes: [], errors: [], lanes: [lane(diagnosis)], teardown: null,
    }, { results, workspace: '/w', cwd: '/cwd', goOn: '' }, plain)
    expect(lines('it looks odd')).toEqual(expect.arrayContaining(['  last lines of logs/a-one.log', '  | line 12', '  | line 19']))
    expect(lines('it looks odd')).not.toContain('  | line 11')
    expect(lines('`x` exited with 4; last lines:\nline 19').join('\n')).not.toContain('  | ')
  } finally {
    rmSync(results, { recursive: true, force: true })
  }
})

test.each([
  ['100 columns', 100, 'render', 'all is well', '  · render                  1.5 s / 20 s    install: all is well'],
  ['80 columns', 79, 'render', 'all is well', '  · render                  1.5 s / 20 s    all is well'],
  ['80 columns in silence', 79, 'render', undefined, '  · render                  1.5 s / 20 s    install'],
  ['a long line', 60, 'render', 'word '.repeat(20), '  · render                  1.5 s / 20 s    word word word …'],
  ['wide characters', 60, 'render', '日本語'.repeat(20), '  · render                  1.5 s / 20 s    日本語日本語日…'],
  ['terminal codes', 79, 'render', '\u001B[31mred\u001B[0m\tand\u0007', String.raw`  · render                  1.5 s / 20 s    red and\x07`],
  ['a long name', 60, 'a step with a name that goes on and on', undefined, '  · a step with a name that goes on and on  1.5 s / 20 s'],
  ['30 columns', 30, 'a step with a name that goes on and on', 'x', '  · a step wit…  1.5 s / 20 s'],
])('the running step at %s', (_what, columns, step, said, expected) => {
  const line = runningLine({ lane: 'install', step, budgetMs: 20_000 }, 1500, said, columns, plain)
  expect(line.trimEnd()).toBe(expected)
  expect(columnsOf(line)).toBeLessThanOrEqual(columns)
})

test.each([
  ['just begun', 10_000, 10_000, 90_000, false],
  ['half a minute of a long step', 30_000, 30_000, 300_000, true],
  ['half a minute, and half of the budget right after', 30_000, 30_000, 66_000, false],
  ['half a minute, and half of the budget right before', 30_500, 30_500, 60_000, false],
  ['a while after it was told that half is gone', 63_000, 30_000, 66_000, true],
])('without a terminal a step says that it runs: %s', (_what, elapsedMs, silentMs, budgetMs, due) => {
  expect(isHeartbeatDue({ elapsedMs, silentMs, budgetMs })).toBe(due)
})

test('a line of a step that runs has no blank at its end', () => {
  expect(stillRunningLine({ step: 'render', budgetMs: 20_000 }, 1500, plain)).toBe('  · render                  1.5 s / 20 s')
  expect(progressLines({ at, type: 'step-slow', lane: 'a', step: 'render', elapsedMs: 1500, budgetMs: 3000 }, plain)).toEqual(['  ! render                  1.5 s / 3 s     half of its budget is gone'])
})

test('what a program said is no command to GitHub', () => {
  const lines = progressLines({
    type: 'step-ended', at: '', lane: 'a', step: 's', status: 'failed', durationMs: 1, budgetMs: 1, logs: [],
    verdict: { class: 'restart', diagnosis: 'it said:\n::add-mask::a\n\n  ::stop-commands::x\nstd::string ##[group]', evidence: [] },
  }, plain)
  expect(lines.filter((line) => /^\s*::|##\[/.test(line))).toEqual([])
  expect(lines.join('\n')).toContain('std::string')
})

test('the last words of a log that only the workspace has hold no secret', () => {
  const workspace = mkdtempSync(join(tmpdir(), 'terminal-'))
  try {
    writeFileSync(join(workspace, 'app.log'), `it said ghp_${'a1'.repeat(18)}\n`)
    const lane: LaneRecord = { name: 'b', purpose: 'selected', status: 'failed', durationMs: 1, startedAt: at, steps: [], tests: [], verdict: { class: 'drift', diagnosis: 'odd', evidence: ['app.log'] } }
    const record: RunRecord = { schema: 1, run: 'r', suite: 'toy', outcome: 'failed', startedAt: at, durationMs: 1, facts: {}, notes: [], errors: [], lanes: [lane], teardown: null }
    expect(closingLines(record, { results: '/no/results', workspace, cwd: '/', goOn: '' }, plain).join('\n')).toContain('  | it said [redacted github]\n')
  } finally {
    rmSync(workspace, { recursive: true, force: true })
  }
})
