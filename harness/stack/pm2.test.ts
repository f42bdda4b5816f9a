import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { isAlive, readProcess, type ProcessInfo } from '../processes/table.ts'
import { signalProcess } from '../sandbox/finish.ts'
import { openTestSandbox, pm2Program, type TestSandbox } from './fixtures/test-sandbox.ts'
import { askPm2, examinePm2, findDaemon, freshPm2Home, showsBrokenDaemon, type Pm2Daemon } from './pm2.ts'
import { probeInitialize } from './probe.ts'

let sandbox: TestSandbox
beforeEach(async () => {
  sandbox = await openTestSandbox()
})
afterEach(async () => {
  await sandbox.dispose()
})

const examine = (program: string | undefined = pm2Program): Promise<Pm2Daemon> => examinePm2(sandbox.pm2Home, program, sandbox.view.env, 30_000)

/** The pids of the sandbox's pm2 daemons and everything else that lives in it. */
const living = (): number[] => sandbox.view.processes().map(({ pid }) => pid).sort((a, b) => a - b)

async function startApp(): Promise<ProcessInfo> {
  await sandbox.pm2(...sandbox.ecosystem())
  const daemon = findDaemon(sandbox.pm2Home)
  if (!daemon) throw new Error('pm2 has no daemon')
  // An app that still has something to say dies of its broken pipe when the daemon is killed.
  await waitFor(async () => (await probeInitialize(sandbox.url, 5000)).ok ? true : undefined, { deadlineMs: 30_000, otherwise: () => new Error('the app does not answer') })
  return daemon
}

async function kill(info: ProcessInfo): Promise<void> {
  signalProcess(info, 'SIGKILL')
  await waitFor(() => isAlive(info) ? undefined : true, { deadlineMs: 20_000, otherwise: () => new Error(`${info.pid} lives`) })
}

test('an empty home has no daemon, and gets none', async () => {
  expect(await examine()).toEqual({ kind: 'none' })
  expect(readdirSync(sandbox.pm2Home)).toEqual([])
  expect(living()).toEqual([])
})

test.each([{ how: 'asked', program: pm2Program }, { how: 'read from its files', program: undefined }])('a daemon that runs is $how', async ({ program }) => {
  const { pid } = await startApp()
  const daemon = await examinePm2(sandbox.pm2Home, program, sandbox.view.env, 30_000)
  const [app] = sandbox.view.processes().filter(({ ppid }) => ppid === pid)
  expect(daemon).toMatchObject({ kind: 'answers', pid, apps: [{ name: 'app', id: 0, pid: app?.pid, status: 'online', restarts: 0 }] })
})

test.each([{ how: 'with pm2', program: pm2Program }, { how: 'without', program: undefined }])('a daemon that was killed is dead and is not woken, $how', async ({ program }) => {
  const daemon = await startApp()
  await kill(daemon)
  const before = living()
  expect(await examinePm2(sandbox.pm2Home, program, sandbox.view.env, 30_000)).toEqual({ kind: 'dead', pid: daemon.pid })
  expect(living().filter((pid) => !before.includes(pid))).toEqual([])
})

test('a pid file that names another program is dead', async () => {
  const { pid } = sandbox.stranger(['-e', 'setInterval(() => 1, 1000)'])
  writeFileSync(join(sandbox.pm2Home, 'pm2.pid'), String(pid))
  expect(await examine()).toEqual({ kind: 'dead', pid })
})

test('a daemon of another home is not taken for the one of this', async () => {
  const { pid } = await startApp()
  const other = join(sandbox.view.root, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'pm2.pid'), String(pid))
  expect(await examinePm2(other, pm2Program, sandbox.view.env)).toEqual({ kind: 'dead', pid })
})

test('a stopped daemon is half-dead', async () => {
  const daemon = await startApp()
  signalProcess(daemon, 'SIGSTOP')
  await waitFor(() => readFileSync(`/proc/${daemon.pid}/stat`, 'utf8').includes(') T ') ? true : undefined, { deadlineMs: 5000, otherwise: () => new Error('not stopped') })
  expect(await examine()).toMatchObject({ kind: 'half-dead', pid: daemon.pid, why: 'it is stopped (state T)' })
  // The same when the state did not tell: what pm2 says is bounded.
  expect(await askPm2(sandbox.pm2Home, pm2Program, sandbox.view.env, 2000)).toMatch(/does not answer within 2.0 s/)
})

test.each([{ how: 'asked', program: pm2Program }, { how: 'connected to', program: undefined }])('a daemon that has lost its socket is half-dead when $how, and gets no second one', async ({ program }) => {
  const { pid } = await startApp()
  rmSync(join(sandbox.pm2Home, 'rpc.sock'))
  const before = living()
  expect(await examinePm2(sandbox.pm2Home, program, sandbox.view.env, 30_000)).toMatchObject({ kind: 'half-dead', pid, why: expect.stringContaining(program === undefined ? 'ENOENT' : 'rpc.sock') as string })
  expect(living().filter((pid) => !before.includes(pid))).toEqual([])
})

test('pm2 starts no daemon even when it is asked after the daemon has died', async () => {
  await kill(await startApp())
  const before = living()
  const log = readFileSync(join(sandbox.pm2Home, 'pm2.log'), 'utf8')
  expect(await askPm2(sandbox.pm2Home, pm2Program, sandbox.view.env, 30_000)).toMatch(/nothing answers at .*rpc\.sock/)
  expect(living().filter((pid) => !before.includes(pid))).toEqual([])
  expect(readFileSync(join(sandbox.pm2Home, 'pm2.log'), 'utf8')).toBe(log)
})

test('an app that was given up is told as errored, with its exit code', async () => {
  await sandbox.pm2(...sandbox.ecosystem({ crash: 'Error: no' }))
  const daemon = await waitFor(async () => {
    const found = await examine()
    return found.kind === 'answers' && found.apps[0]?.status === 'errored' ? found : undefined
  }, { deadlineMs: 30_000, otherwise: () => new Error('never errored') })
  expect(daemon.apps).toMatchObject([{ name: 'app', pid: undefined, exitCode: 1 }])
  expect(await examinePm2(sandbox.pm2Home, undefined, sandbox.view.env)).toMatchObject({ apps: [{ name: 'app', status: 'errored', exitCode: 1 }] })
})

test.each([
  { output: 'fine\nError: write EPIPE\n    at x', line: 'Error: write EPIPE' },
  { output: '\u001b[31m[PM2][ERROR]\u001b[39m connect ECONNREFUSED /x/rpc.sock', line: '[PM2][ERROR] connect ECONNREFUSED /x/rpc.sock' },
  { output: 'Error: connect ENOENT /home/a b/pub.sock', line: 'Error: connect ENOENT /home/a b/pub.sock' },
  { output: '`pm2` did not end within 3.0 s; last lines:\n[PM2] Spawning PM2 daemon with pm2_home=/x', line: '[PM2] Spawning PM2 daemon with pm2_home=/x' },
  { output: '[PM2] Spawning PM2 daemon\n[PM2] PM2 Successfully daemonized\n[PM2] Starting', line: undefined },
  { output: '0|app | Error: write EPIPE', line: undefined },
  { output: 'Error: ENOENT: no such file, open /x/config.json', line: undefined },
  { output: 'connect ECONNREFUSED 127.0.0.1:4000', line: undefined },
  { output: '', line: undefined },
])('in $output the line of a broken daemon is $line', ({ output, line }) => {
  expect(showsBrokenDaemon(output)).toBe(line)
})

test.each([
  { what: 'that runs', before: () => Promise.resolve() },
  { what: 'that is stopped', before: (daemon: ProcessInfo) => {
    signalProcess(daemon, 'SIGSTOP')
    return Promise.resolve()
  } },
  { what: 'that was killed', before: kill },
])('a fresh home ends the daemon $what with its apps, and keeps its files', async ({ before }) => {
  const daemon = await startApp()
  const bystander = sandbox.stranger(['-e', 'setInterval(() => 1, 1000)'])
  await before(daemon)
  expect(living().length).toBeGreaterThan(0)
  mkdirSync(`${sandbox.pm2Home}.broken-1`)
  expect(await freshPm2Home(sandbox.pm2Home, sandbox.view.processes)).toBe(`${sandbox.pm2Home}.broken-2`)
  expect(living()).toEqual([])
  expect(isAlive(bystander)).toBe(true)
  expect(existsSync(`${sandbox.pm2Home}.broken-2/pm2.log`)).toBe(true)
  expect(readdirSync(sandbox.pm2Home)).toEqual([])
  expect(statSync(sandbox.pm2Home).mode & 0o777).toBe(0o700)
})

test('what is not proven to be the sandbox\'s is left alone, and said', async () => {
  const daemon = await startApp()
  await expect(freshPm2Home(sandbox.pm2Home, () => [])).rejects.toThrow(`process ${daemon.pid} (PM2`)
  expect(isAlive(daemon)).toBe(true)
  expect(existsSync(`${sandbox.pm2Home}.broken-1`)).toBe(false)
})

test('a process of the sandbox that is not under pm2 outlives a fresh home', async () => {
  await startApp()
  await sandbox.run({ file: process.execPath, args: [new URL('../processes/fixtures/daemonises.mjs', import.meta.url).pathname], cwd: sandbox.view.root, name: 'daemonises' })
  const [other] = sandbox.view.processes().filter(({ pid }) => !readFileSync(`/proc/${pid}/environ`, 'utf8').includes('pm_pid_path') && pid !== findDaemon(sandbox.pm2Home)?.pid)
  if (!other) throw new Error('the other process is missing')
  await freshPm2Home(sandbox.pm2Home, sandbox.view.processes)
  expect(readProcess(other.pid)?.zombie).toBe(false)
  expect(living()).toEqual([other.pid])
})
