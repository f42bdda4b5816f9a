import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { stageRecord } from '../../harness/record.ts'
import { turnsOf } from './conversation.ts'
import { spread } from './curves.ts'
import { difference } from './diff.ts'
import { embedLogs } from './embedded-logs.ts'
import { failedRun, greenRun } from './fixtures/run.ts'
import { escape, html, ours } from './html.ts'
import { duration, roundUp, size, timeScale } from './numbers.ts'
import { pairs, palettes } from './palette.ts'
import { fileLink, hrefOf, type Page } from './parts.ts'
import { treeOf } from './processes.ts'

let results: string
beforeEach(() => { results = mkdtempSync(join(tmpdir(), 'parts-')) })
afterEach(() => { rmSync(results, { recursive: true, force: true }) })

test.each([
  ['</script><b a="1" c=\'2\'>&amp;', '&lt;/script&gt;&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;amp;'],
  ['\u001B[31mred\u001B[0m \u001B]0;title\u0007done', 'red done'],
  ['a\u0000b\u0008c\u007Fd\u009Be', 'a\\x00b\\x08c\\x7fd\\x9be'],
  ['a\u202Eb\u2066c\u200Fd\uFEFF', 'a\\x202eb\\x2066c\\x200fd\\xfeff'],
  ['\uD800 alone', '\uFFFD alone'],
  ['tab\tline\r\nnext 🙂 é', 'tab\tline\nnext 🙂 é'],
])('escape %j', (text, expected) => {
  expect(escape(text)).toBe(expected)
})

test('a template escapes values, also inside lists, and leaves markup and nothing as they are', () => {
  expect(html`<p title="${'"'}">${'<'}${[html`<b>${'&'}</b>`, '>', 3]}${undefined}${false}${ours('<i>')}</p>`.markup).toBe('<p title="&quot;">&lt;<b>&amp;</b>&gt;3<i></p>')
})

test.each([
  ['logs/a b#1?.log', './logs/a%20b%231%3F.log'],
  ['javascript:alert(1)', './javascript%3Aalert(1)'],
])('the link to %s stays in the folder', (path, href) => {
  expect(hrefOf(path)).toBe(href)
})

test('a link leads to a plain file of the results, and to nothing else', () => {
  mkdirSync(join(results, 'logs'))
  writeFileSync(join(results, 'logs/a.log'), '')
  symlinkSync('/etc/hostname', join(results, 'logs/link'))
  const page = { results } as Page
  expect(fileLink(page, 'logs/a.log').markup).toContain('href="./logs/a.log"')
  for (const path of ['logs/gone.log', '../../../../../etc/hostname', 'logs', 'logs/link']) expect(fileLink(page, path).markup, path).not.toContain('href')
})

test.each([
  [['a', 'b'], ['b', 'c'], { added: ['c'], removed: ['a'], kept: ['b'] }],
  [[], ['a', 'a'], { added: ['a'], removed: [], kept: [] }],
  [['a'], ['a'], { added: [], removed: [], kept: ['a'] }],
])('%j and then %j', (before, after, expected) => {
  expect(difference(before, after)).toEqual(expected)
})

test.each([[0, '0.0 s'], [1234, '1.2 s'], [100_400, '100 s'], [119_999, '120 s'], [125_000, '2 min 5 s']])('%d ms is %s', (milliseconds, text) => {
  expect(duration(milliseconds)).toBe(text)
})

test.each([[0, '0 B'], [999, '999 B'], [4100, '4.1 kB'], [58_200_000, '58 MB'], [1_250_000_000, '1.3 GB']])('%d bytes are %s', (bytes, text) => {
  expect(size(bytes)).toBe(text)
})

test.each([[0, 1], [0.7, 1], [1.1, 1.5], [17, 20], [101, 150], [1.2e9, 1.5e9], [5.01, 10], [NaN, 1]])('an axis for %d ends at %d', (value, end) => {
  expect(roundUp(value)).toBeCloseTo(end)
})

test('the time scale: shares of the run, nothing beyond its ends, round ticks', () => {
  const scale = timeScale(1000, 20_000)
  expect([0, 1000, 6000, 21_000, 99_000, NaN].map((time) => scale.at(time))).toEqual([0, 0, 0.25, 1, 1, 0])
  expect(scale.ticks(8)).toEqual([0, 5, 10, 15, 20].map((second) => ({ share: second / 20, text: `${second} s` })))
  expect(scale.ticks(4).map(({ text }) => text)).toEqual(['0 s', '5 s', '10 s', '15 s', '20 s'])
  expect(timeScale(0, 3_600_000).ticks(8).map(({ text }) => text)).toEqual(['0 min', '10 min', '20 min', '30 min', '40 min', '50 min', '60 min'])
  for (const total of [0, -5, NaN]) expect(timeScale(NaN, total).at(5)).toBeGreaterThanOrEqual(0)
})

test.each([
  [[10, 11, 12, 50], 100, [10, 23, 36, 50]],
  [[90, 95, 100], 100, [74, 87, 100]],
  [[], 100, []],
])('labels at %j, up to %d, stand at %j', (wanted, end, places) => {
  expect(spread(wanted, 13, end)).toEqual(places)
})

test('processes stand below their parents; a loop ends', () => {
  const make = (pid: number, ppid: number) => ({ pid, ppid, command: `${pid}`, memoryBytes: 1, ageMs: 1 })
  expect(treeOf([make(2, 1), make(4, 3), make(3, 2), make(9, 8)])).toMatchObject([{ pid: 2, children: [{ pid: 3, children: [{ pid: 4, children: [] }] }] }, { pid: 9, children: [] }])
  expect(treeOf([make(5, 6), make(6, 5)])).toMatchObject([{ pid: 5, children: [{ pid: 6, children: [] }] }])
})

/** WCAG 2.2, relative luminance. */
function luminance(colour: string): number {
  const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16) / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue
}

test.each((['light', 'dark'] as const).flatMap((theme) => pairs.map(([over, under, least]) => ({ theme, over, under, least }))))('$theme: $over on $under has a contrast of $least', ({ theme, over, under, least }) => {
  const [bright = 0, dark = 0] = [luminance(palettes[theme][over]), luminance(palettes[theme][under])].toSorted((a, b) => b - a)
  expect((bright + 0.05) / (dark + 0.05)).toBeGreaterThanOrEqual(least)
})

test('logs: two ends of a long one, what failed first, what the model was sent last, and no more in all than there is room', () => {
  for (const folder of ['logs/deep', 'transcripts']) mkdirSync(join(results, folder), { recursive: true })
  writeFileSync(join(results, 'logs/a.log'), `head${'x'.repeat(20_000)}tail`)
  writeFileSync(join(results, 'logs/deep/b.log'), 'b')
  writeFileSync(join(results, 'transcripts/install.jsonl'), 'evidence')
  writeFileSync(join(results, 'transcripts/m.model.ndjson'), 'm'.repeat(3000))
  symlinkSync('/etc/hostname', join(results, 'logs/link.log'))
  const logs = embedLogs(results, failedRun(), { each: 5000, all: 5500 })
  expect(logs.map(({ path, leftOut }) => [path, leftOut])).toEqual([['transcripts/install.jsonl', 0], ['logs/a.log', 15_008], ['logs/deep/b.log', 0], ['transcripts/m.model.ndjson', 3000]])
  expect(logs[1]?.text).toMatch(/^headx+\n\.\.\. 15008 bytes left out here, see the file \.\.\.\nx+tail$/)
  expect(logs[3]?.text).toBeUndefined()
})

test('a run that left no folders has no logs', () => {
  expect(embedLogs(results, greenRun())).toEqual([])
})

test('a call stands beside what the stack logged and what was asked for', () => {
  const [stage] = greenRun().lanes.flatMap(({ steps }) => steps.flatMap((step) => step.stage ?? []))
  expect(stage && turnsOf(stage)).toMatchObject([
    { kind: 'message', text: 'I begin.' },
    { kind: 'call', told: { tool: 'manage' }, answer: '{"status":"ok"}', logged: { client: 'codex' }, expected: { tool: 'manage' }, disagreement: undefined },
    { kind: 'call', told: { tool: 'grep' }, logged: { tool: 'grep' }, expected: undefined },
    { kind: 'message', text: 'done' },
  ])
})

test.each<[string, 'completed' | 'failed' | 'abandoned', boolean | undefined, RegExp | undefined]>([
  ['both say yes', 'completed', true, undefined],
  ['both say no', 'failed', false, undefined],
  ['only the agent knows it', 'completed', undefined, /logged no such call/],
  ['it failed before it got there', 'failed', undefined, undefined],
  ['the stack says it failed', 'completed', false, /logged a failure/],
  ['the agent says it failed', 'failed', true, /says it failed, but the stack logged a success/],
  ['the agent never saw the end', 'abandoned', true, /never ended, but/],
])('disagreement: %s', (_what, status, ok, expected) => {
  const [stage] = greenRun().lanes.flatMap(({ steps }) => steps.flatMap((step) => step.stage ?? []))
  if (!stage) throw new Error('the fixture has no stage')
  const [turn] = turnsOf({
    ...stage, calls: [], conversation: [{ kind: 'call', call: 0 }], observed: [{ server: 's', tool: 't', arguments: {}, status }],
    received: ok === undefined ? [] : [{ tool: 't', arguments: {}, ok, client: 'c' }],
  })
  if (expected) expect(turn).toMatchObject({ disagreement: expect.stringMatching(expected) as string })
  else expect(turn).toMatchObject({ disagreement: undefined })
})

test('what only one side knows comes after the conversation; a record of an earlier version has no log to disagree with', () => {
  const [stage] = failedRun().lanes.flatMap(({ steps }) => steps.flatMap((step) => step.stage ?? []))
  if (!stage) throw new Error('the fixture has no stage')
  const turns = turnsOf({ ...stage, received: [{ tool: 'grep', arguments: { pattern: 'x' }, ok: true, client: 'c' }, { tool: 'secret', arguments: {}, ok: true, client: 'c' }] })
  expect(turns.slice(2)).toMatchObject([
    { expected: { tool: 'grep' }, logged: { tool: 'grep' }, disagreement: expect.stringMatching(/transcript does not show it/) as string },
    { logged: { tool: 'secret' }, disagreement: expect.stringMatching(/transcript does not show it/) as string },
  ])
  const old = stageRecord.parse({ ...stage, conversation: undefined, received: undefined })
  expect(turnsOf(old)).toMatchObject([{ told: { tool: 'manage' }, disagreement: undefined }, { expected: { tool: 'grep' } }])
})

test('what a record left out is no disagreement', () => {
  const base = failedRun().lanes.flatMap(({ steps }) => steps).flatMap((step) => step.stage ?? [])[0]
  if (!base) throw new Error('no stage')
  const observed = Array.from({ length: 5 }, (_, n) => ({ server: 's', tool: 't', arguments: { n }, status: 'completed' as const }))
  const received = observed.map(({ tool, arguments: args }) => ({ tool, arguments: args, ok: true, client: 'c' }))
  const conversation = observed.map((_, call) => ({ kind: 'call' as const, call }))
  const told = (more: Partial<typeof base>): (string | undefined)[] => turnsOf({ ...base, calls: [], observed, received, conversation, ...more }).map((turn) => turn.kind === 'call' ? turn.disagreement : undefined)
  const none = (length: number): undefined[] => Array.from({ length }, () => undefined)
  expect(told({ conversation: conversation.slice(0, 2), omitted: { conversation: 3, received: 0 } })).toEqual(none(2))
  expect(told({ received: received.slice(0, 2), omitted: { conversation: 0, received: 3 } })).toEqual(none(5))
  expect(told({ received: received.map((call) => ({ ...call, arguments: '{"n', argumentsCut: true })) })).toEqual(none(5))
  // A call that nobody left out is told as before, also where others were.
  expect(told({ received: received.slice(0, 4) })).toEqual([...none(4), 'the agent says it completed, but the stack logged no such call'])
  expect(told({ conversation: conversation.slice(0, 2), observed: observed.slice(0, 4), omitted: { conversation: 2, received: 0 } })).toEqual([...none(2), "the stack received it, but the agent's transcript does not show it"])
})
