import { existsSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { cloneSmoke, startChildRun, type ChildRun } from '../testing/child-run.ts'
import type { PlanRecord } from '../vitest/plan-text.ts'

const toy = fileURLToPath(new URL('../testing/toy', import.meta.url))
const root = fileURLToPath(new URL('../..', import.meta.url))

let base: string
const runs: ChildRun[] = []
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'cli-')))
})
afterEach(async () => {
  for (const run of runs.splice(0)) await run.dispose()
  rmSync(base, { recursive: true, force: true })
})

/** `clone-smoke <args>`, as typed in the given folder. */
function type(args: readonly string[], env: Record<string, string> = {}, cwd = toy): ChildRun {
  const run = startChildRun(args, env, cwd, cloneSmoke)
  runs.push(run)
  return run
}

async function typed(args: readonly string[], code: number, env: Record<string, string> = {}, cwd = toy): Promise<ChildRun> {
  const run = type(args, env, cwd)
  expect(await run.ended(), run.output()).toBe(code)
  return run
}

const lanes = (run: ChildRun): string[] => run.progress().flatMap((event) => event.type === 'lane-ended' ? [`${event.lane} ${event.status}`] : [])

test('run without a lane runs them all; its own flags are cut out, and those of vitest pass', async () => {
  const run = await typed(['run', '--keep', 'always', '--workspace', join(base, 'w'), '--reporter=verbose', '--greeting=hello'], 0)
  expect(lanes(run)).toEqual(['start passed', 'look passed', 'grow passed', 'shrink passed'])
  expect(run.output()).toMatch(/✓ .*start\.smoke\.ts > greet/)
  expect(existsSync(join(base, 'w', 'state.json'))).toBe(true)
})

test('a lane is named by its name; values of vitest’s flags are not taken for lanes', async () => {
  const run = await typed(['run', 'look', '-t', 'look'], 0)
  expect(lanes(run)).toEqual(['start passed', 'look passed'])
})

test.each([
  { what: 'a lane that fails', args: ['run', 'start'], env: { TOY_FAULT: 'exit' }, code: 1, words: /exited with 4/ },
  { what: 'an unknown command', args: ['runn'], code: 2, words: /no command "runn"[^]*next: / },
  { what: 'a mistyped flag', args: ['run', '--kep', 'failed'], code: 2, words: /did you mean --keep\?/ },
  { what: 'a value that does not fit', args: ['run', '--stage-timeout', 'soon'], code: 2, words: /--stage-timeout "soon" does not fit: a number of seconds/ },
  { what: 'a flag without its value', args: ['run', '--workspace'], code: 2, words: /--workspace needs a value/ },
  { what: 'an unknown suite', args: ['run', '--suite', 'toi'], code: 2, words: /no suite called "toi"[^]*did you mean SMOKE_SUITE=toy\?/ },
  { what: 'a source the suite does not have', args: ['run', '--source', 'x=/y'], code: 2, words: /unknown option --source x\n {2}next: leave it out/ },
  { what: 'an unknown variable', args: ['plan'], env: { SMOKE_KEEEP: 'x' }, code: 2, words: /did you mean SMOKE_KEEP\?/ },
  { what: 'a program that is missing', args: ['run', '--agent-bin', '/no/agent'], code: 3, words: /\/no\/agent/ },
  { what: 'a path that is no workspace', args: ['cleanup', '/no/such/place'], code: 2, words: /no workspace of clone-smoke: it does not exist/ },
  { what: 'a lane that is none', args: ['run', 'loook'], code: 2, words: /no lane "loook"[^]*did you mean look\?/ },
  { what: 'an unknown flag of cleanup', args: ['cleanup', '--all'], code: 2, words: /unknown option --all/ },
])('$what: exit code $code', async ({ args, env = {}, code, words }) => {
  const run = await typed(args, code, env)
  expect(run.output()).toMatch(words)
  expect(run.output()).not.toMatch(/^\s+at /m)
  expect(readdirSync(run.temporary)).toEqual([])
})

test.each([
  { args: [], words: /clone-smoke run \[lane \.\.\.\][^]*exit codes/ },
  { args: ['--help'], words: /clone-smoke cleanup/ },
  { args: ['run', '--help'], words: /--restart-timeout <seconds>[^]*--greeting <words>/ },
  { args: ['plan', '--help'], words: /--json/ },
  { args: ['cleanup', '--help'], words: /--dry-run/ },
  { args: ['doctor', '--help'], words: /exit code 3/ },
  { args: ['schema'], words: /"restartTimeout"[^]*"greeting"/ },
])('clone-smoke $args explains itself', async ({ args, words }) => {
  expect((await typed(args, 0)).output()).toMatch(words)
})

test('doctor says what is there and what is missing, with the next thing to type, and makes nothing', async () => {
  const well = await typed(['doctor', '--suite', 'toy'], 0)
  expect(well.output()).toMatch(/^this machine\n {2}✓ node +v\d+[^]*✓ workspaces +\/.* GB free[^]*suite toy\n[^]*nothing is missing\n$/)
  const ill = await typed(['doctor', '--agent-bin', '/no/agent', '--json'], 3)
  const { ok, sections } = JSON.parse(ill.output()) as { ok: boolean; sections: { of: string; findings: { name: string; state: string; next?: string }[] }[] }
  expect(ok).toBe(false)
  expect(sections[0]?.findings.find(({ name }) => name === 'agent')).toMatchObject({ state: 'missing', next: expect.stringMatching(/\w/) as string })
  expect((await typed(['doctor', '--agent-bin', '/no/agent'], 3)).output()).toMatch(/✗ agent +.*\/no\/agent[^]*next: [^]*1 thing is missing/)
  const bare = await typed(['doctor', '--suite', 'reference'], 3, { PATH: '/no/such/folder' }, root)
  expect(bare.output()).toMatch(/✗ git +[^]*next: [^]*things are missing/)
  expect([well, ill, bare].map(({ temporary }) => readdirSync(temporary))).toEqual([[], [], []])
})

test('doctor names what a suite wants to be told, and a source that is not there', async () => {
  const asked = type(['doctor', '--suite', 'stelae'], {}, root)
  await asked.ended()
  expect(asked.output()).toMatch(/- source stelae +to be named: [^]*next: --source stelae=/)
  const wrong = await typed(['doctor', '--suite', 'reference', '--source', 'stack=/no/such/place'], 3, {}, root)
  expect(wrong.output()).toMatch(/✗ source stack +the source \/no\/such\/place does not exist here/)
})

test('plan says what a run would do, and makes nothing', async () => {
  const run = await typed(['plan', 'shrink', '--json', '--keep=failed', '--workspace', join(base, 'w')], 0)
  const plan = JSON.parse(run.output()) as PlanRecord
  expect(plan.lanes.map(({ name, purpose }) => `${name} ${purpose}`)).toEqual(['start set-up', 'grow set-up', 'shrink selected'])
  expect(plan.lanes[0]?.steps).toEqual([{ name: 'prepare', kind: 'step', budgetSeconds: 5 }, { name: 'greet', kind: 'step', budgetSeconds: 5 }])
  expect(plan.options.find(({ key }) => key === 'keep')).toEqual({ key: 'keep', value: 'failed', from: '--keep "failed"' })
  expect(plan).toMatchObject({ suite: 'toy', workspace: join(base, 'w'), ports: { main: 'a free one' } })
  expect([readdirSync(run.temporary), existsSync(run.results), existsSync(join(base, 'w'))]).toEqual([[], false, false])
  const text = (await typed(['plan', 'look'], 0, { SMOKE_AGENT_BIN: '' })).output()
  expect(text).toMatch(/notes:\n {2}SMOKE_AGENT_BIN is empty/)
  expect(text).toMatch(/1\. start \(set-up\): it starts\n {3}nothing -> up\n {3}- prepare +5 s/)
  expect(text).toMatch(/Nothing was made or changed\.\n$/)
})

test('a plan of a run that goes on names what is done', async () => {
  await typed(['run', '--bootstrap-only', '--workspace', join(base, 'w')], 0)
  const plan = JSON.parse((await typed(['plan', '--json', '--skip-bootstrap', '--workspace', join(base, 'w')], 0)).output()) as PlanRecord
  expect(plan.lanes.map(({ name, purpose }) => `${name} ${purpose}`)).toEqual(['start done', 'resume set-up', 'look selected', 'grow selected', 'shrink selected'])
})

test('smoke.config.ts is read, and flags win over it', async () => {
  const project = join(base, 'project')
  mkdirSync(join(project, 'suites'), { recursive: true })
  symlinkSync(join(toy, 'suites/toy'), join(project, 'suites/toy'))
  writeFileSync(join(project, 'vitest.config.ts'), [
    `import { smokeProject } from ${JSON.stringify(join(root, 'harness/vitest/config.ts'))}`,
    `import { LaneSequencer } from ${JSON.stringify(join(root, 'harness/vitest/sequencer.ts'))}`,
    `export default async () => ({ test: { sequence: { sequencer: LaneSequencer }, projects: [await smokeProject({ root: ${JSON.stringify(project)}, defaultSuite: 'none', env: process.env })] } })`,
  ].join('\n'))
  symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'))
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(project, 'smoke.config.ts'), "export default { suite: 'toy', keep: 'failed', ports: { main: 23999 }, budgetScale: 2 }\n")
  const plan = JSON.parse((await typed(['plan', '--json', '--keep=always'], 0, {}, project)).output()) as PlanRecord
  const value = (key: string): unknown => plan.options.find((option) => option.key === key)
  expect(value('keep')).toMatchObject({ value: 'always', from: '--keep "always"' })
  expect(value('budgetScale')).toMatchObject({ value: 2, from: `budgetScale: 2 in ${join(project, 'smoke.config.ts')}` })
  expect(plan.ports).toEqual({ main: '23999' })
  writeFileSync(join(project, 'smoke.config.ts'), "export default { kep: 'failed' }\n")
  expect((await typed(['plan'], 2, {}, project)).output()).toMatch(/unknown option kep in .*smoke\.config\.ts\n {2}next: did you mean keep\?/)
})

test('cleanup lists and removes what earlier runs left, and spares a run that lives', async () => {
  const kept = await typed(['run', 'start', '--keep', 'always'], 0)
  const [name = ''] = readdirSync(kept.temporary).filter((one) => /^clone-smoke-\d/.test(one))
  const live = type(['run', 'start'], { TOY_FAULT: 'wait', TMPDIR: kept.temporary })
  await waitFor(() => readdirSync(kept.temporary).filter((one) => /^clone-smoke-\d/.test(one)).length === 2 ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(live.output()),
  })
  const inThere = { TMPDIR: kept.temporary }
  expect((await typed(['cleanup', '--dry-run'], 0, inThere)).output()).toMatch(new RegExp(`would remove  .*${name} \\(kept`))
  const cleaned = await typed(['cleanup'], 0, inThere)
  expect(cleaned.output()).toMatch(new RegExp(`removed  .*${name} \\(kept`))
  expect(cleaned.output()).toMatch(/left alone {2}.* \(alive/)
  expect(readdirSync(kept.temporary)).not.toContain(name)
  const [alive = ''] = readdirSync(kept.temporary).filter((one) => /^clone-smoke-\d/.test(one))
  expect((await typed(['cleanup', join(kept.temporary, alive)], 2, inThere)).output()).toMatch(/belongs to a run that is alive/)
  live.process.kill('SIGTERM')
  expect(await live.ended(), live.output()).toBe(143)
  await waitFor(() => readdirSync(kept.temporary).filter((one) => one.startsWith('clone-smoke-')).length === 0 ? true : undefined, {
    deadlineMs: 20_000, otherwise: () => new Error(readdirSync(kept.temporary).join()),
  })
})

test('force never empties the directory that its user is in', async () => {
  const here = join(base, 'project')
  mkdirSync(here)
  symlinkSync(join(toy, 'suites'), join(here, 'suites'))
  writeFileSync(join(here, 'precious'), 'mine')
  const run = await typed(['plan', '--workspace', '.', '--force'], 2, {}, here)
  expect(run.output()).toMatch(/is not emptied, whatever is forced/)
  expect(existsSync(join(here, 'precious'))).toBe(true)
})

test('cleanup spares the shells that called it from inside the workspace', async () => {
  await typed(['run', 'start', '--workspace', join(base, 'w'), '--keep', 'always'], 0)
  const script = `cd ${join(base, 'w')} && ${process.execPath} ${cloneSmoke} cleanup ${join(base, 'w')}; echo "shell lives"`
  const { stdout } = await execa('setsid', ['sh', '-c', `sh -c '${script}'; echo "outer lives"`], { cwd: base, stdin: 'ignore' })
  expect(stdout).toMatch(/removed[^]*shell lives\nouter lives/)
})

test.each([['SIGINT', 130], ['SIGTERM', 143], ['SIGHUP', 129]] as const)('%s to clone-smoke alone ends the run in order', async (signal, code) => {
  const run = type(['run', 'start'], { TOY_FAULT: 'wait' })
  await waitFor(() => run.progress().some((event) => event.type === 'step-started' && event.step === 'greet') ? true : undefined, {
    deadlineMs: 60_000, otherwise: () => new Error(run.output()),
  })
  run.process.kill(signal)
  expect(await run.ended(), run.output()).toBe(code)
  expect(run.leftovers()).toEqual([])
})
