import { mkdirSync, readFileSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { isAlive, type ProcessInfo } from '../processes/table.ts'
import { signalProcess } from '../sandbox/finish.ts'
import { diagnose } from './diagnose.ts'
import { fixture, freePort, openTestSandbox, pm2Program, type ServerOptions, type TestSandbox } from './fixtures/test-sandbox.ts'
import { examinePm2, findDaemon } from './pm2.ts'
import { portHolders } from './ports.ts'
import { probeInitialize } from './probe.ts'
import type { SandboxView, StackDescription } from './stack.ts'

let sandbox: TestSandbox
beforeEach(async () => {
  sandbox = await openTestSandbox()
})
afterEach(async () => {
  await sandbox.dispose()
})

/** Bound of a diagnosis here: a loaded machine must not turn an answer into silence. Milliseconds. */
const boundMs = 40_000

async function look(more: { view?: Partial<SandboxView>; stack?: Partial<StackDescription>; boundMs?: number } = {}): Promise<{ text: string; finding: string | undefined }> {
  const { file, finding } = await diagnose({ ...sandbox.view, ...more.view }, { ...sandbox.stack, ...more.stack }, { why: 'somebody asked', file: 'logs/diagnosis.txt', boundMs: more.boundMs ?? boundMs })
  expect(file).toBe('logs/diagnosis.txt')
  const path = join(sandbox.view.root, file)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  return { text: readFileSync(path, 'utf8'), finding }
}

const until = (what: string, found: () => Promise<boolean> | boolean): Promise<true> =>
  waitFor(async () => await found() ? true : undefined, { deadlineMs: 40_000, otherwise: () => new Error(`never: ${what}`) })

const start = (options?: ServerOptions, app?: Readonly<Record<string, unknown>>): Promise<string> => sandbox.pm2(...sandbox.ecosystem(options, app))

async function startReady(options?: ServerOptions, app?: Readonly<Record<string, unknown>>): Promise<ProcessInfo> {
  await start(options, app)
  await until('ready', async () => (await probeInitialize(sandbox.url, 5000)).ok)
  const daemon = findDaemon(sandbox.pm2Home)
  if (!daemon) throw new Error('pm2 has no daemon')
  return daemon
}

const appProcess = (): ProcessInfo => {
  const daemon = findDaemon(sandbox.pm2Home)
  const info = sandbox.view.processes().find(({ ppid }) => ppid === daemon?.pid)
  if (!info) throw new Error('there is no app')
  return info
}

async function statusOf(): Promise<string | undefined> {
  const daemon = await examinePm2(sandbox.pm2Home, sandbox.stack.pm2Program, sandbox.view.env, 30_000)
  return daemon.kind === 'answers' ? daemon.apps[0]?.status : undefined
}

test('a stack that works: all parts are there, and no cause is named', async () => {
  const { pid } = await startReady()
  const app = appProcess()
  const { text, finding } = await look()
  expect(finding).toBeUndefined()
  expect(text.split('\n')[0]).toBe('somebody asked')
  expect(text).toMatch(`the daemon ${pid} of ${sandbox.pm2Home} answers`)
  expect(text).toMatch(new RegExp(`0 app: online, pid ${app.pid}, 0 restarts`))
  expect(text).toMatch(new RegExp(`${sandbox.port} \\(proxy\\): ours, process ${app.pid} \\(`))
  expect(text).toMatch(new RegExp(`^ *${app.pid} +${pid} +[SR] +[\\d.]+ s +\\d+ MB +node `, 'm'))
  expect(text).toMatch(/proxy http:\S+: answers initialize\n {2}HTTP 200\n {2}\{"jsonrpc"/)
  expect(text).toMatch(/-- pm2\/logs\/app-out\.log, \d+ bytes, written [\d.]+ s ago\n {2}listening on port/)
  expect(text).toMatch(/-- pm2\/pm2\.log/)
  expect(text).not.toContain('this part failed')
})

test.each<{ cause: string; make: () => Promise<unknown>; finding: RegExp }>([
  {
    cause: 'a stranger on the port', finding: /^port \d+ \(proxy\) is held by process \d+ \(.*mcp-server.*\), which is not the sandbox's$/,
    make: async () => {
      // Beside a crash loop, which is only its consequence.
      sandbox.stranger([fixture('mcp-server'), JSON.stringify({ port: sandbox.port })])
      await until('the stranger listens', () => portHolders([sandbox.port], () => []).length > 0)
      await start()
    },
  },
  {
    cause: 'another port', finding: /^the stack was given port \d+ \(proxy\) but listens on \d+: process \d+/,
    make: async () => {
      const port = await freePort()
      await start({ port })
      await until('it listens', () => portHolders([port], sandbox.view.processes).some((holder) => holder.port === port))
    },
  },
  {
    cause: 'a daemon that was killed', finding: /^the pm2 daemon is dead: .*pm2\.pid names process \d+, which no longer runs$/,
    make: async () => {
      const daemon = await startReady()
      signalProcess(daemon, 'SIGKILL')
      await until('the daemon is gone', () => !isAlive(daemon))
    },
  },
  {
    cause: 'a daemon in another home', finding: /^the pm2 daemon \d+ runs in \S+\/elsewhere, and not in the stack's own pm2 home /,
    make: () => sandbox.run({
      name: 'elsewhere', file: process.execPath, args: [pm2Program, 'ping'], cwd: sandbox.view.root, env: { PM2_HOME: join(sandbox.view.root, 'elsewhere') },
    }),
  },
  {
    cause: 'a stale pid file', finding: /^the pm2 daemon is dead: .* which is another program now$/,
    make: () => {
      writeFileSync(join(sandbox.pm2Home, 'pm2.pid'), String(process.pid))
      return Promise.resolve()
    },
  },
  {
    cause: 'a stopped daemon', finding: /^the pm2 daemon \d+ lives but does not answer/,
    make: async () => { signalProcess(await startReady(), 'SIGSTOP') },
  },
  {
    cause: 'an app that was given up', finding: /^the app app is errored: pm2 gave it up after \d+ restarts; its log says: TypeError: x is not a function \(the write EPIPE in it is secondary\)$/,
    make: async () => {
      await start({ crash: 'Error: write EPIPE\nTypeError: x is not a function' })
      await until('errored', async () => await statusOf() === 'errored')
    },
  },
  {
    cause: 'an app that waits for its restart', finding: /^the app app crash-loops: \d+ restarts, now waiting restart; its log says: Error: no database$/,
    make: async () => {
      await start({ crash: 'Error: no database' }, { restart_delay: 600_000 })
      await until('waiting', async () => await statusOf() === 'waiting restart')
    },
  },
  {
    cause: 'an app that has nothing but EPIPE to say', finding: /crash-loops.*its log has nothing but write EPIPE, which is secondary/,
    make: async () => {
      await start({ crash: 'Error: write EPIPE' }, { restart_delay: 600_000 })
      await until('waiting', async () => await statusOf() === 'waiting restart')
    },
  },
  {
    cause: 'an app that ended and is not restarted', finding: /^the app app ended with 1 and is stopped; its log says: Error: once$/,
    make: async () => {
      await start({ crash: 'Error: once' }, { autorestart: false })
      await until('stopped', async () => await statusOf() === 'stopped')
    },
  },
  {
    cause: 'a configuration that was written later', finding: /^process \d+ \(app\) is older than its configuration: state\/proxy\.json was written [\d.]+ s after it started$/,
    make: async () => {
      const config = join(sandbox.view.root, 'state', 'proxy.json')
      mkdirSync(join(sandbox.view.root, 'state'))
      writeFileSync(config, '{}')
      await startReady({}, { env: { PROXY_CONFIG: config } })
      expect((await look()).finding).toBeUndefined()
      const later = Date.now() / 1000 + 60
      utimesSync(config, later, later)
    },
  },
  {
    cause: 'a wrong status', finding: /^the endpoint proxy answers initialize with HTTP 500: the fixture is told to fail$/,
    make: async () => {
      await start({ status: 500 })
      await until('it answers', async () => (await probeInitialize(sandbox.url, 5000)).status === 500)
    },
  },
])('the finding names $cause', async ({ make, finding }) => {
  await make()
  const result = await look()
  expect(result.finding, result.text).toMatch(finding)
  expect(result.text.split('\n')[1]).toBe(`finding: ${result.finding ?? ''}`)
})

test('a dead daemon is told, and no process is started', async () => {
  const daemon = await startReady()
  signalProcess(daemon, 'SIGKILL')
  await until('the daemon is gone', () => !isAlive(daemon))
  const before = sandbox.view.processes().map(({ pid }) => pid)
  const { text } = await look()
  expect(text).toContain(`the daemon is dead: pm2.pid names process ${daemon.pid}`)
  expect(sandbox.view.processes().map(({ pid }) => pid).filter((pid) => !before.includes(pid))).toEqual([])
  expect(findDaemon(sandbox.pm2Home)).toBeUndefined()
})

test('environments are compared by name, and no secret is in the file', async () => {
  await startReady({}, {
    env: { APP_TOKEN: 'tok-of-the-app-1', PORT: '99', EXTRA: 'extra-value', LANG: 'C' }, filter_env: ['NOT_PASSED'],
    args: [JSON.stringify({ port: sandbox.port }), '--api-key', 'key-on-the-command-line'],
  })
  writeFileSync(join(sandbox.view.root, 'logs', 'app.log'), 'I am given-secret-2 and tok-of-the-app-1\n')
  const env = { ...sandbox.view.env, NOT_PASSED: 'x', LANG: 'de', SOME_SECRET: 'given-secret-2', APP_TOKEN: 'tok-given-3' }
  const { text } = await look({ view: { env } })
  const part = text.slice(text.indexOf(`\n${appProcess().pid} `))
  expect(part).toMatch(/^ {2}lacks: NOT_PASSED SOME_SECRET$/m)
  expect(part).toMatch(/^ {2}has otherwise: LANG="C" \(given "de"\), APP_TOKEN=\(hidden\) \(given \(hidden\)\)$/m)
  expect(part).toMatch(/^ {2}has in addition: .*\bEXTRA\b.*\bPORT\b/m)
  expect(text).toContain('I am [redacted SOME_SECRET] and [redacted APP_TOKEN]')
  for (const secret of ['tok-of-the-app-1', 'given-secret-2', 'tok-given-3', 'key-on-the-command-line', 'extra-value']) expect(text).not.toContain(secret)
})

test('log tails: newest first, bounded, with dot files, and nothing from outside', async () => {
  const { root } = sandbox.view
  mkdirSync(join(root, 'logs', '.hidden'))
  const write = (name: string, text: string, secondsAgo: number): void => {
    writeFileSync(join(root, 'logs', name), text)
    utimesSync(join(root, 'logs', name), Date.now() / 1000 - secondsAgo, Date.now() / 1000 - secondsAgo)
  }
  write('old.log', 'old\n', 500)
  write('.hidden/new.log', Array.from({ length: 100 }, (_, index) => `line ${index}`).join('\n'), 5)
  write('wide.log', `${'x'.repeat(100_000)}\nthe end`, 50)
  symlinkSync('/etc/passwd', join(root, 'logs', 'link.log'))
  execFileSync('mkfifo', [join(root, 'logs', 'pipe.log')])
  const { text } = await look({ stack: { logs: ['logs/**/*.log', '/etc/hos*', '../*'] } })
  const logs = text.slice(text.indexOf('== logs'))
  expect([...logs.matchAll(/^-- (\S+),/gm)].map((match) => match[1])).toEqual(['logs/.hidden/new.log', 'logs/wide.log', 'logs/old.log'])
  expect(logs).toContain('line 99')
  expect(logs).toContain('line 60\n')
  expect(logs).not.toContain('line 59\n')
  expect(logs).toMatch(/the end/)
  expect(logs.length).toBeLessThan(10_000)
})

test('many logs are named, the newest are shown', async () => {
  for (let index = 0; index < 40; index += 1) writeFileSync(join(sandbox.view.root, 'logs', `${index}.log`), 'x')
  const { text } = await look()
  expect(text.match(/^-- /gm)).toHaveLength(30)
  expect(/not shown, as they are too many: (.*)/.exec(text)?.[1]?.split(' ')).toHaveLength(10)
})

test('a part that fails says so in its place, and the others are there', async () => {
  const { text } = await look({ view: { processes: () => { throw new Error('no table today') } } })
  expect(text.match(/\(this part failed: no table today\)/g)).toHaveLength(3)
  expect(text).toContain('== endpoints\nproxy http:')
})

test('what takes too long is cut off at the bound', async () => {
  signalProcess(await startReady(), 'SIGSTOP')
  const silent = await freePort()
  sandbox.stranger([fixture('mcp-server'), JSON.stringify({ port: silent, silent: true })])
  await until('the silent server listens', () => portHolders([silent], () => []).length > 0)
  const { text } = await look({ boundMs: 3000, stack: { endpoints: { silent: `http://127.0.0.1:${silent}/mcp` } } })
  expect(text).toMatch(/silent http:\S+ does not answer initialize rightly\n {2}.*timeout/)
  expect(text).toContain('-- pm2/pm2.log')
  expect(text).toContain('-- pm2/logs/app-out.log')
})

test('a diagnosis that cannot be written is no error', async () => {
  rmSync(join(sandbox.view.root, 'logs'), { recursive: true })
  writeFileSync(join(sandbox.view.root, 'logs'), 'in the way')
  const { file, finding } = await diagnose(sandbox.view, sandbox.stack, { why: 'x', file: 'logs/diagnosis.txt', boundMs })
  expect(file).toBe('logs/diagnosis.txt')
  expect(finding).toMatch(/could not be written: E(EXIST|NOTDIR)/)
})
