import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, expect, test } from 'vitest'
import { waitFor } from '../helpers/wait-for.ts'
import { startChildRun, type ChildRun } from '../harness/testing/child-run.ts'
import { schemaViolations } from './testing/junit-schema.ts'

const checkout = fileURLToPath(new URL('..', import.meta.url))
const toy = join(checkout, 'harness/testing/toy')

let run: ChildRun | undefined
let copy: string | undefined
afterEach(async () => {
  await run?.dispose()
  run = undefined
  if (copy !== undefined) rmSync(copy, { recursive: true, force: true })
  copy = undefined
})

function start(args: readonly string[], env: Readonly<Record<string, string>> = {}, cwd = toy): ChildRun {
  run = startChildRun(args, env, cwd)
  return run
}

/** The toy in a folder of its own, where a lane's file may be broken. */
function copyOfToy(): string {
  const root = mkdtempSync(join(tmpdir(), 'toy-'))
  copy = root
  cpSync(join(toy, 'suites'), join(root, 'suites'), { recursive: true })
  cpSync(join(toy, 'vitest.config.ts'), join(root, 'vitest.config.ts'))
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  symlinkSync(join(checkout, 'node_modules'), join(root, 'node_modules'))
  const files = [...readdirSync(join(root, 'suites/toy')).map((name) => `suites/toy/${name}`), 'vitest.config.ts']
  for (const file of files) {
    const text = readFileSync(join(root, file), 'utf8')
    writeFileSync(join(root, file), text
      .replaceAll(/'(?:\.\.\/)+(reports|(?:vitest|options)\/[\w.-]+|suite\.ts|verdict\.ts)'/g, (_, path: string) => `'${join(checkout, path === 'reports' ? path : join('harness', path))}'`)
      .replace(/here\('(\/.*)'\)/, "'$1'"))
  }
  return root
}

test('a lane whose file cannot be loaded is told with the reason and the line', async () => {
  const root = copyOfToy()
  appendFileSync(join(root, 'suites/toy/look.smoke.ts'), "import './nowhere.ts'\n")
  const child = start(['run', 'look'], {}, root)
  expect(await child.ended(), child.output()).toBe(1)
  expect(child.output()).toMatch(/look +failed[^]*Cannot find module '\.\/nowhere\.ts'[^]*at .*look\.smoke\.ts:\d+/)
  expect(child.record().lanes).toMatchObject([{ name: 'look', status: 'failed' }])
  expect(child.junit()).toMatch(/<failure type="check-failed" message="Cannot find module/)
})

test('what a lane prints stands below its title, and an error thrown late is an error outside the lanes', async () => {
  const root = copyOfToy()
  appendFileSync(join(root, 'suites/toy/look.smoke.ts'), "test('talks', () => { console.log('words'); setTimeout(() => { throw new Error('thrown late') }, 0) })\n")
  const child = start(['run', 'look'], {}, root)
  expect(await child.ended(), child.output()).toBe(1)
  expect(child.output()).toMatch(/lane 1\/1 look[^]*\nwords\n[^]*error outside the lanes: thrown late/)
  expect(child.junit()).toMatch(/<error type="harness-bug" message="thrown late/)
})

test('a failed check of the author is told with its message, what was expected and where', async () => {
  const child = start(['run', 'look'], { TOY_FAULT: 'check' })
  expect(await child.ended(), child.output()).toBe(1)
  // While it runs too, beside the steps.
  expect(child.output()).toMatch(/lane 1\/1 look\n[^]*? {2}✗ the author sees the facts of the lane\n[^]*? look +failed/)
  expect(child.output()).toMatch(/✗ look: check-failed\n[^]*the author sees the facts of the lane\n +expected 'hello' to be 'something else'[^]*Received: +"hello"\n +at .*look\.smoke\.ts:\d+\n/)
  expect(child.junit()).toMatch(/<failure type="check-failed" message="expected 'hello'|<failure type="check-failed" message="expected &apos;hello/)
})

test('a run file inherited from elsewhere is left alone', async () => {
  const root = copyOfToy()
  mkdirSync(join(root, 'other'))
  const runFile = join(root, 'other/run-file.json')
  writeFileSync(runFile, JSON.stringify({ run: 'x', suite: 'x', workspace: root, results: join(root, 'other') }))
  const child = start(['run', 'start'], { SMOKE_RUN_FILE: runFile }, root)
  expect(await child.ended(), child.output()).toBe(0)
  expect(readdirSync(join(root, 'other'))).toEqual(['run-file.json'])
  expect(child.record().outcome).toBe('passed')
})

test('piped output has no colours of ours, no rewritten line, and one line a step', async () => {
  const child = start(['run', 'smoke'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.output()).not.toMatch(/[\r\u001B]/)
  expect(child.output().match(/^ {2}✓ greet .* s \/ 5 s$/gm)).toHaveLength(1)
  expect(child.output()).toMatch(/passed in .*nothing left behind \(\d+\.\d s\)/)
  expect(child.output()).toMatch(/^report .*\/report\.html$/m)
  const record = child.record()
  expect(record.lanes.map(({ name, snapshots }) => [name, snapshots?.before?.words, snapshots?.after?.words])).toEqual([
    ['start', undefined, ['hello']], ['look', ['hello'], ['hello']], ['grow', ['hello'], ['extra 1', 'hello']], ['shrink', ['extra 1', 'hello'], ['hello']],
  ])
  // What goes on after its step, seen before it was ended.
  expect(record.processes).toMatchObject([{ command: expect.stringContaining('serving') as string }])
  expect(record.samples?.length).toBeGreaterThan(0)
  expect(readFileSync(join(child.results, record.run, 'report.html'), 'utf8')).toMatch(/<title>passed: toy, run /)
})

test('a stack that does not show itself is a note, not a failure', async () => {
  const child = start(['run', 'shrink.smoke'], { TOY_FAULT: 'no-look', SMOKE_AGENT_BIN: '' })
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.record().notes).toEqual([
    'SMOKE_AGENT_BIN is empty and counts as not set, which means: the pinned Codex CLI of this package',
    'what the stack looked like after lane grow is not known: it does not show itself', 'what the stack looked like before lane shrink is not known: it does not show itself',
  ])
})

test('latest leads to the newest run', async () => {
  const child = start(['run', 'start'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(lstatSync(join(child.results, 'latest')).isSymbolicLink()).toBe(true)
  expect(readlinkSync(join(child.results, 'latest'))).toBe(child.record().run)
})

test('dependants of a failed lane are skipped in junit.xml, with the reason', async () => {
  const child = start(['run', 'smoke'], { TOY_FAULT: 'exit' })
  expect(await child.ended()).toBe(1)
  expect(child.record().lanes.map(({ status }) => status)).toEqual(['failed', 'skipped', 'skipped', 'skipped'])
  expect(child.junit()).toMatch(/<skipped message="lane &quot;start&quot; failed: bootstrap-step/)
  expect(child.record().lanes[0]?.reproduce).toBe('SMOKE_KEEP=failed npx vitest run start.smoke')
})

test('after --bail no test that never ran is told as passed', async () => {
  const child = start(['run', 'smoke', '--bail', '1'], { TOY_FAULT: 'exit' })
  expect(await child.ended()).toBe(1)
  const { lanes } = child.record()
  expect(lanes[0]?.status).toBe('failed')
  for (const lane of lanes.slice(1)) expect(lane.tests.filter(({ status }) => status === 'passed'), lane.name).toEqual([])
  expect(child.junit().match(/<testsuite name="toy\.(look|grow|shrink)"[^>]* skipped="[1-9]/g)).toHaveLength(3)
})

test('the reports are written whatever reporter the user chose', async () => {
  const child = start(['run', 'shrink.smoke', '--reporter=verbose'])
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.record().lanes.map(({ name, purpose }) => `${name} ${purpose}`)).toEqual(['start set-up', 'grow set-up', 'shrink selected'])
  expect(child.junit()).toContain('<testsuite name="toy.start (set-up)"')
})

test('a run that is stopped still writes its reports, and the lane says that it was interrupted', async () => {
  const child = start(['run', 'smoke'], { TOY_FAULT: 'wait' })
  await waitFor(() => child.progress().some((event) => event.type === 'step-started' && event.step === 'greet') ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(`never began to wait:\n${child.output()}`),
  })
  child.process.kill('SIGINT')
  expect(await child.ended(), child.output()).toBe(130)
  expect(child.record()).toMatchObject({ outcome: 'interrupted', lanes: [{ status: 'failed', verdict: { class: 'interrupted' } }, {}, {}, {}], teardown: { leftovers: [] } })
})

test('a report that cannot be written costs one line, not the outcome', async () => {
  const child = start(['run', 'start'], { SMOKE_KEEP: 'never' })
  // A folder where `latest` should go cannot be renamed over.
  mkdirSync(join(child.results, 'latest', 'taken'), { recursive: true })
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.output()).toMatch(/^clone-smoke: .*could not be .*$/m)
})

/** Whether a file system of a size of its own can be had: for root, and where that is not forbidden. */
function mountSmall(folder: string): boolean {
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,mode=0777', 'none', folder], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

/** What breaks, from inside a lane, so that it is neither too early nor too late. */
const breakages = [
  {
    what: 'results that are no folder any more', code: "rmSync(results, { recursive: true }); writeFileSync(results, '')",
    messages: [/^clone-smoke: transcripts and logs could not be saved: E/m, /^clone-smoke: no report could be written to .*: E/m],
  },
  {
    what: 'a full disk below the results', code: "try { writeFileSync(join(results, 'fill'), Buffer.alloc(2 ** 20)) } catch {}",
    messages: [/^clone-smoke: transcripts and logs could not be saved: ENOSPC/m, /^clone-smoke: .*run\.json, .*junit\.xml, .*ctrf\.json, .*summary\.md could not be written: ENOSPC/m],
  },
  {
    what: 'progress that can be neither written nor read', code: "rmSync(join(workspace, 'progress.ndjson')); mkdirSync(join(workspace, 'progress.ndjson'))",
    messages: [/^clone-smoke: progress cannot be written, the run goes on: EISDIR/m, /^clone-smoke: progress cannot be shown any more, the run goes on: EISDIR/m],
  },
]

test.for(breakages)('$what: a message each, and the lanes are what they were', async ({ what, code, messages }, { skip }) => {
  const root = copyOfToy()
  const disk = join(root, 'disk')
  mkdirSync(disk)
  const isFull = what.includes('disk')
  const mounted = isFull && mountSmall(disk)
  try {
    if (isFull && !mounted) skip('only root can mount a small file system')
    appendFileSync(join(root, 'suites/toy/look.smoke.ts'), [
      "import { inject } from 'vitest'", "import { mkdirSync, rmSync, writeFileSync } from 'node:fs'", "import { join } from 'node:path'",
      `test('breaks', () => { const { results, workspace } = inject('smokeRun'); mkdirSync; join; workspace; ${code} })`, '',
    ].join('\n'))
    const child = start(['run', 'smoke'], isFull ? { SMOKE_RESULTS: disk } : {}, root)
    expect(await child.ended(), child.output()).toBe(0)
    for (const message of messages) expect(child.output().match(new RegExp(message, 'gm')), child.output()).toHaveLength(1)
    for (const lane of ['start', 'look', 'grow', 'shrink']) expect(child.output()).toMatch(new RegExp(`^  ${lane} +passed`, 'm'))
    expect(child.output()).toMatch(/^passed in .*, nothing left behind/m)
    expect(child.leftovers()).toEqual([])
  } finally {
    if (mounted) execFileSync('umount', [disk])
  }
})

test('a disk below the results that is full from the start costs messages, and no lane', async ({ skip }) => {
  const disk = join(copyOfToy(), 'disk')
  mkdirSync(disk)
  if (!mountSmall(disk)) skip('only root can mount a small file system')
  try {
    expect(() => { writeFileSync(join(disk, 'fill'), Buffer.alloc(2 ** 20)) }).toThrow('ENOSPC')
    const child = start(['run', 'look'], { SMOKE_RESULTS: disk })
    expect(await child.ended(), child.output()).toBe(0)
    expect(child.output()).toMatch(/^clone-smoke: run-file\.json could not be written: ENOSPC/m)
    expect(child.output()).toMatch(/^ {2}look +passed[^]*^passed in .*, nothing left behind/m)
    expect(child.leftovers()).toEqual([])
  } finally {
    execFileSync('umount', [disk])
  }
})

test('with --retry a flaky check leaves its lane green and is told as flaky, and GitHub is told of what failed', async () => {
  const root = copyOfToy()
  const summary = join(root, 'step-summary.md')
  appendFileSync(join(root, 'suites/toy/look.smoke.ts'), "let calls = 0\ntest('flaky', ({ expect }) => { expect(++calls).toBe(2) })\n")
  appendFileSync(join(root, 'suites/toy/shrink.smoke.ts'), "test('never', ({ expect }) => { expect('100 %').toBe('0 %') })\n")
  writeFileSync(summary, '# before\n')
  const child = start(['run', 'smoke', '--retry', '1'], { GITHUB_ACTIONS: 'true', GITHUB_WORKSPACE: root, GITHUB_STEP_SUMMARY: summary, SMOKE_JUNIT_ATTACHMENTS: 'relative' }, root)
  expect(await child.ended(), child.output()).toBe(1)
  const { lanes } = child.record()
  expect(lanes.map(({ name, status }) => `${name} ${status}`)).toEqual(['start passed', 'look passed', 'grow passed', 'shrink failed'])
  expect(lanes[1]?.tests.find(({ name }) => name === 'flaky')).toMatchObject({ status: 'passed', failedAttempts: [expect.stringMatching(/^expected 1 to be 2/)] })
  expect(child.junit()).toMatch(/name="flaky"[^]*?<flakyFailure message="expected 1 to be 2[^]*name="never"[^]*?<failure type="check-failed"[^]*?<rerunFailure/)
  expect(await schemaViolations([{ name: 'junit', xml: child.junit() }])).toEqual([])
  expect(child.junit()).toMatch(/\[\[ATTACHMENT\|\.\.\/[^/]+\/results\/[\w-]+\/logs\/start-prepare\.log\]\]/)
  expect(child.output()).toMatch(/^::error file=suites\/toy\/shrink\.smoke\.ts,title=shrink%3A check-failed::failed: never%0Aagain: .*$/m)
  expect(readFileSync(summary, 'utf8')).toMatch(/^# before\n# clone-smoke: toy failed\n[^]*\| shrink \| ❌ failed: check-failed \|[^]*expected '100 %' to be '0 %'/)
  const results = join(child.results, child.record().run)
  expect(readFileSync(summary, 'utf8')).toContain(readFileSync(join(results, 'summary.md'), 'utf8'))
  expect(JSON.parse(readFileSync(join(results, 'ctrf.json'), 'utf8'))).toMatchObject({ results: { summary: { flaky: 1, failed: 1 } } })
  // What begins with a dot is left out when results are uploaded.
  expect(readdirSync(results, { recursive: true, encoding: 'utf8' }).filter((name) => /(^|\/)\./.test(name))).toEqual([])
})

test('a run without lanes is as vitest shows it, and makes no results', async () => {
  const child = start(['run', '--project', 'self', 'reports/xml-text'], {}, checkout)
  expect(await child.ended(), child.output()).toBe(0)
  expect(child.output()).toMatch(/Test Files\s+1 passed/)
  expect(child.output()).not.toMatch(/lane|sandbox/)
  expect(existsSync(child.results)).toBe(false)
})
