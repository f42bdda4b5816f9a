import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execa } from 'execa'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startChildRun, type ChildRun } from '../../harness/testing/child-run.ts'
import { packagesFolder } from '../../helpers/packages.ts'

const timeout = 180_000

let base: string
const runs: ChildRun[] = []
beforeEach(() => {
  base = realpathSync(mkdtempSync(join(tmpdir(), 'options-')))
})
afterEach(async () => {
  for (const run of runs.splice(0)) await run.dispose()
  rmSync(base, { recursive: true, force: true })
})

async function whole(filter: string, env: Record<string, string>, code = 0): Promise<ChildRun> {
  const run = startChildRun(['run', filter], env)
  runs.push(run)
  expect(await run.ended(170_000), run.output()).toBe(code)
  return run
}

const steps = (run: ChildRun): string[] => run.record().lanes.flatMap(({ steps }) => steps.map(({ name, status }) => `${name} ${status}`))
const filesIn = (run: ChildRun, folder: string): string[] => readdirSync(join(run.results, 'latest', folder))

test('debug logs and collectors are kept per stage, a release is installed, and the clone’s own tests are left out', { timeout }, async () => {
  const release = join(base, 'my-wrapper')
  mkdirSync(release)
  const program = join(packagesFolder(), '@modelcontextprotocol/server-everything/dist/index.js')
  writeFileSync(join(release, 'release.json'), JSON.stringify({ name: 'wrapper', command: 'node', args: [program, 'stdio'] }))
  const run = await whole('bundle-tools.smoke', {
    SMOKE_CAPTURE_DEBUG_TOOLS: '1', SMOKE_CAPTURE_DIAG_LOGS: '1', SMOKE_TEST_SCOPE: 'none', SMOKE_WRAPPER_RELEASE: release,
  })
  expect(steps(run)).toContain('structural tests skipped')
  expect(run.record().lanes[0]?.steps.find(({ name }) => name === 'structural tests')?.reason).toBe('the test scope is "none"')
  expect(run.record().facts.tools).toContain('wrapper__echo')
  for (const folder of ['logs', 'transcripts']) {
    const [debug = ''] = filesIn(run, folder).filter((name) => /^\d{8}-\d{6}-bundle-tools-proxy-debug/.test(name))
    expect(readFileSync(join(run.results, 'latest', folder, debug), 'utf8')).toContain('"method":"tools/call"')
  }
  // Collectors that this machine has leave a file, the others a note; a kernel without a complaint leaves neither.
  const about = [...filesIn(run, 'logs'), ...run.record().notes].join('\n')
  const { exitCode, stdout } = await execa('dmesg', ['--level=err,warn'], { reject: false })
  const collectors = ['vmstat', 'top', ...(exitCode === 0 && stdout === '' ? [] : ['dmesg'])]
  for (const collector of collectors) expect(about).toContain(collector)
  expect(run.record().lanes.flatMap(({ steps }) => steps).some(({ usage }) => (usage?.peakMemoryBytes ?? 0) > 2 ** 20)).toBe(true)
})

test.each([
  { what: 'a release that is not there', env: { SMOKE_WRAPPER_RELEASE: '/no/release' }, words: /SMOKE_WRAPPER_RELEASE|\/no\/release/ },
  { what: 'a home of the agent without settings', env: { SMOKE_AGENT_HOME: '/' }, words: /SMOKE_AGENT_HOME="\/" has no config\.toml/ },
  { what: 'a ref of a source that is no repository', env: { SMOKE_REF_STACK: 'v1' }, words: /is a folder of files and has no ref "v1"/ },
  { what: 'a lane without an agent session', env: { SMOKE_MANUAL_STAGE: 'bootstrap' }, words: /no lane "bootstrap" with an agent session[^]*lanes with one: bundle-tools, install, remove/ },
  { what: 'a mistyped lane', env: { SMOKE_MANUAL_STAGE: 'instal' }, words: /did you mean SMOKE_MANUAL_STAGE=install\?/ },
])('$what is refused before anything is made', async ({ env, words }) => {
  const run = await whole('smoke', env, 2)
  expect(run.output()).toMatch(words)
  expect(readdirSync(run.temporary)).toEqual([])
})

test('settings of another agent home are used, without its login', { timeout }, async () => {
  const home = join(base, 'codex')
  mkdirSync(home)
  writeFileSync(join(home, 'config.toml'), 'hide_agent_reasoning = true\n')
  writeFileSync(join(home, 'auth.json'), '{"OPENAI_API_KEY":"sk-not-yours"}')
  const workspace = join(base, 'w')
  await whole('bundle-tools.smoke', { SMOKE_AGENT_HOME: home, SMOKE_WORKSPACE: workspace, SMOKE_KEEP: 'always', SMOKE_TEST_SCOPE: 'none' })
  expect(readFileSync(join(workspace, 'agent-home/config.toml'), 'utf8')).toContain('hide_agent_reasoning')
  expect(readdirSync(join(workspace, 'agent-home'))).not.toContain('auth.json')
})

test('a clone that is behind its source is not gone on with, unless that is asked for', { timeout }, async () => {

  const source = join(base, 'proxy')
  const git = (...args: string[]): Promise<unknown> => execa('git', ['-c', 'user.name=a', '-c', 'user.email=a@localhost', ...args], { cwd: source, stdin: 'ignore' })

  cpSync(new URL('proxy', import.meta.url), source, { recursive: true })
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'one')
  const env = { SMOKE_SOURCE_PROXY: source, SMOKE_WORKSPACE: join(base, 'w'), SMOKE_TEST_SCOPE: 'none' }
  await whole('smoke', { ...env, SMOKE_BOOTSTRAP_ONLY: '1' })
  writeFileSync(join(source, 'NEWS'), 'new\n')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'two')
  expect((await whole('bundle-tools.smoke', { ...env, SMOKE_REUSE: '1' }, 2)).output()).toMatch(/outdated: .*proxy[^]*SMOKE_FORCE_OUTDATED=1/)
  const forced = await whole('bundle-tools.smoke', { ...env, SMOKE_REUSE: '1', SMOKE_FORCE_OUTDATED: '1' })
  expect(forced.record().notes.join('\n')).toMatch(/proxy/)
  expect(forced.record().notes.join('\n')).not.toMatch(/looked like before lane resume/)
  expect(forced.record().lanes.map(({ name, status }) => `${name} ${status}`)).toEqual(['resume passed', 'bundle-tools passed'])
})
