import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { runRecord, type RunRecord } from '../../harness/record.ts'
import { failedRun, greenRun, hostile, writeResults } from './fixtures/run.ts'
import { reportPage } from './page.ts'

/** What a person sees, without the script. */
const bodyOf = (page: string): string => page.slice(page.indexOf('<main>'), page.indexOf('</main>'))

let results: string
beforeEach(() => { results = mkdtempSync(join(tmpdir(), 'page-')) })
afterEach(() => { rmSync(results, { recursive: true, force: true }) })

test('nothing that a program wrote becomes markup, wherever it stands', () => {
  writeResults(results)
  const page = reportPage(failedRun(), results)
  expect(page.match(/<script/g)).toHaveLength(1)
  expect(page.match(/<\/script>/g)).toHaveLength(1)
  expect(page).not.toContain('<img')
  expect(page).not.toMatch(/[^\P{Cc}\n\t]/u)
  expect(page).not.toContain('\u202E')
  // In each place of the record, and in the logs.
  expect(page.split('window.harmed=1').length).toBeGreaterThan(15)
  expect(hostile).toContain('window.harmed=1')
})

test('the page lets only its own style and script in, and has no inline style', () => {
  const page = reportPage(greenRun(), results)
  const policy = /http-equiv="Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1]?.replaceAll('&#39;', "'") ?? ''
  expect(policy).toMatch(/^default-src 'none';/)
  for (const tag of ['style', 'script']) {
    const [, text = ''] = new RegExp(`<${tag}>([^]*?)</${tag}>`).exec(page) ?? []
    expect(policy).toContain(`${tag}-src 'sha256-${createHash('sha256').update(text).digest('base64')}'`)
  }
  expect(page).not.toMatch(/ style="| on\w+="|https?:\/\/(?!www\.w3\.org)/)
})

test('a failure comes with class, diagnosis, remedy, evidence, next command, and what followed', () => {
  writeResults(results)
  const page = reportPage(failedRun(), results)
  expect(page).toMatch(/<h1[^]*?Failed in lane install/)
  expect(page).toMatch(/evidence-conflict<\/strong> the agent and the server tell different stories/)
  expect(page).toContain('<p class="diagnosis">the agent says manage completed, but the stack&#39;s own log has no such call</p>')
  expect(page).toContain('href="./transcripts/install.jsonl"')
  expect(page).toMatch(/config-home\/gone\.json<\/code> <span class="time">\(not in the results\)/)
  expect(page).toContain('SMOKE_SOURCE_STACK=&#39;/tmp/a b&#39; SMOKE_KEEP=failed npx vitest run install.smoke')
  expect(page).toMatch(/What followed from it[^]*1 other test of lane install failed[^]*<strong>remove<\/strong> skipped: lane &quot;install&quot; failed/)
  expect(page).not.toContain('The sandbox was kept')
})

test('what several lanes found stands once, with all who found it', () => {
  const run = failedRun()
  const [first] = run.findings ?? []
  const page = first ? bodyOf(reportPage({ ...run, findings: [first, { ...first, lane: 'remove', step: '3.7 again' }] }, results)) : ''
  expect(page).toMatch(/2 new[^]*?told once, so 1 are below[^]*?2 times<\/span>[^]*?3\.7 kill, in lane install; 3\.7 again, in lane remove/)
  expect(page.match(/class="promise new"/g)).toHaveLength(1)
})

test('findings stand with what was promised and how to see them, the new ones first and open; a run without any has no such part', () => {
  const page = bodyOf(reportPage(failedRun(), results))
  expect(page).toMatch(/1 new \(not known of this version\), 2 stale \([^)]*\), 1 known/)
  expect(page).toMatch(/<h3>New: what broke [^]*?<details class="promise new" open><summary>[^]*?§3\.7[^]*?an unknown session is refused[^]*?<code class="id">new-one[^]*?3\.7 kill, in lane install[^]*?To see it[^]*?curl -X POST/)
  expect(page).toMatch(/<h3>Known, and not found any more[^]*?mended[^]*?class="promise stale"[^]*?also-mended[^]*?<h3>What broke, of less weight[^]*?<details class="promise known"><summary>[^]*?§5\.1[^]*?known-one/)
  expect(page).toMatch(/<h1[^]*?<\/h1>\n<p class="standing"><a href="#findings">2 findings: 1 new; 1 breaks a promise, 1 of less weight; /)
  expect(reportPage(greenRun(), results)).not.toMatch(/id="findings"|href="#findings"| findings?</)
})

test('what followed from the first cause stands under it, whatever it says', () => {
  const record = failedRun()
  const lanes = record.lanes.map((lane) => lane.verdict ? { ...lane, verdict: { ...lane.verdict, consequences: ['not-effective: grep changed nothing', 'lane remove did not run'] } } : lane)
  const page = reportPage({ ...record, lanes }, results)
  expect(page).toMatch(/What followed from it[^]*<li>not-effective: grep changed nothing<\/li><li>lane remove did not run<\/li>/)
})

test('a workspace that was kept comes with the commands to go on and to give up', () => {
  const record = failedRun()
  const kept = { workspace: '/tmp/w', goOn: 'go on there', giveUp: 'give it up' }
  const page = reportPage({ ...record, teardown: record.teardown && { ...record.teardown, workspaceKept: true } }, results, { kept })
  expect(page).toMatch(/The sandbox was kept[^]*go on there[^]*give it up/)
})

test.each<[string, Partial<RunRecord>, RegExp]>([
  ['interrupted', { outcome: 'interrupted', lanes: [] }, /<h1[^]*?Interrupted</],
  ['paused', { outcome: 'paused', paused: { lane: 'install', stage: 'install', file: 'manual.md' } }, /<h1[^]*?Paused before install<[^]*What is to be done stands in <code>manual\.md/],
  ['without a teardown', { outcome: 'failed', teardown: null }, /<h1[^]*?the teardown did not come to its end</],
  ['with something left behind', { outcome: 'failed', teardown: { durationMs: 1, ended: 0, leftovers: ['process 7'], hostChanges: ['~/.npmrc'], workspaceKept: false, processesKept: false } }, /something was left behind<[^]*process 7[^]*changed outside the sandbox: ~\/\.npmrc/],
  ['that changed the host', { outcome: 'failed', teardown: { durationMs: 1, ended: 0, leftovers: [], hostChanges: ['~/.npmrc'], workspaceKept: false, processesKept: false, verdict: { class: 'host-touched', diagnosis: 'changed', evidence: [], remedy: 'keep it inside' } } }, /<h1[^]*?outside the sandbox was changed<[^]*What the run changed outside the sandbox<[^]*host-touched: [^]*~\/\.npmrc[^]*keep it inside/],
  ['with an error outside the lanes', { outcome: 'failed', errors: ['boom'] }, /an error outside the lanes<[^]*boom/],
])('a run %s', (_what, parts, expected) => {
  expect(reportPage({ ...greenRun(), ...parts }, results)).toMatch(expected)
})

test('a record of an earlier version, and one without anything, are pages too', () => {
  const page = reportPage(runRecord.parse({ ...greenRun(), samples: undefined, processes: undefined }), results)
  expect(bodyOf(page)).not.toMatch(/id="processes"|id="logs"/)
  const bare = reportPage({ schema: 1, run: '', suite: '', outcome: 'failed', startedAt: '', durationMs: 0, facts: {}, notes: [], lanes: [], errors: [], teardown: null }, join(results, 'gone'))
  expect(bodyOf(bare)).not.toMatch(/NaN|undefined|Infinity/)
})

test('no number of a page is none', () => {
  expect(bodyOf(reportPage(failedRun(), results))).not.toMatch(/NaN|undefined|Infinity|\[object/)
})

test('50 MB of logs make a page that a browser opens; what is missing is said, with a link to the file', () => {
  mkdirSync(join(results, 'logs'))
  const megabyte = '0123456789abcdef<&>"\n'.repeat(50_000)
  for (let index = 0; index < 50; index += 1) writeFileSync(join(results, `logs/large-${String(index).padStart(2, '0')}.log`), megabyte)
  const page = reportPage(greenRun(), results)
  expect(page.length).toBeLessThan(8e6)
  expect(page.length).toBeGreaterThan(4e6)
  expect(page).toContain('50 files, 53 MB. Of 50 long files, 49 MB are not in this page')
  expect(page).toMatch(/bytes left out here, see the file/)
  expect(page).toMatch(/Too long for this page: <a href="\.\/logs\/large-49\.log">/)
})
