import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { waitFor } from '../../helpers/wait-for.ts'
import { isAlive } from '../processes/table.ts'
import { signalProcess } from '../sandbox/finish.ts'
import { VerdictError, type Verdict } from '../verdict.ts'
import { fixture, freePort, openTestSandbox, pm2Program, type ServerOptions, type TestSandbox } from './fixtures/test-sandbox.ts'
import { findDaemon } from './pm2.ts'
import { portHolders } from './ports.ts'
import { restartStack, type RestartRequest, type RestartResult, type RestartTools } from './restart.ts'

/** Nothing here takes it, but a crash loop on a busy machine takes long to be one. Milliseconds. */
const attemptMs = 90_000
vi.setConfig({ testTimeout: 2 * attemptMs, hookTimeout: attemptMs })

let sandbox: TestSandbox
let notes: string[]
let evidence: string[]
beforeEach(async () => {
  sandbox = await openTestSandbox()
  notes = []
  evidence = []
})
afterEach(async () => {
  await sandbox.dispose()
})

/** Arguments of a command that starts the fixture server under pm2. */
const underPm2 = (options?: ServerOptions, app?: Readonly<Record<string, unknown>>): string[] => [pm2Program, ...sandbox.ecosystem(options, app)]

function restart(args: readonly string[], more: Partial<RestartTools> & Pick<Partial<RestartRequest>, 'accepts'> = {}): Promise<RestartResult> {
  const { accepts, ...tools } = more
  return restartStack(
    { command: { file: process.execPath, args, cwd: sandbox.view.root }, port: 'proxy', url: sandbox.url, ...(accepts && { accepts }) },
    {
      view: sandbox.view, stack: sandbox.stack, run: sandbox.run, attemptMs, retries: 0, signal: sandbox.signal.signal, leftMs: () => 2 * attemptMs,
      diagnosisFile: (attempt) => `logs/diagnosis-${attempt}.txt`, note: (text) => notes.push(text), onEvidence: (file) => evidence.push(file), ...tools,
    },
  )
}

async function verdictOf(work: Promise<unknown>): Promise<Verdict> {
  const error: unknown = await work.then(() => new Error('it did not fail'), (reason: unknown) => reason)
  if (!(error instanceof VerdictError)) throw error
  return error.verdict
}

const listens = (): Promise<unknown> => waitFor(
  () => portHolders([sandbox.port], () => []).length > 0 ? true : undefined,
  { deadlineMs: 30_000, otherwise: () => new Error(`nobody listens on ${sandbox.port}`) },
)

test.each<{ what: string; options: ServerOptions }>([
  { what: 'at once', options: {} },
  { what: 'after it listened for a while', options: { readyAfterMs: 1500 } },
  { what: 'after nobody listened for a while', options: { listenAfterMs: 1500 } },
])('a stack that is ready $what is up after one attempt', async ({ options }) => {
  const result = await restart(underPm2(options))
  expect(result.attempts).toBe(1)
  expect(result.durationMs).toBeGreaterThan(options.readyAfterMs ?? options.listenAfterMs ?? 0)
  expect(notes).toEqual([])
  expect(evidence).toEqual([])
})

test('a stack under pm2 that is up is left to its own restart, which replaces it', async () => {
  await restart(underPm2())
  const daemon = findDaemon(sandbox.pm2Home)?.pid
  const before = portHolders([sandbox.port], sandbox.view.processes)[0]?.pid
  await restart(underPm2())
  expect(findDaemon(sandbox.pm2Home)?.pid).toBe(daemon)
  expect(portHolders([sandbox.port], sandbox.view.processes)[0]?.pid).not.toBe(before)
  expect(notes).toEqual([])
})

test('a stack without pm2 is restarted as well', async () => {
  const { logs, endpoints } = sandbox.stack
  const again = (): Promise<RestartResult> =>
    restart([fixture('start-detached'), fixture('mcp-server'), JSON.stringify({ port: sandbox.port })], { stack: { logs, endpoints } })
  const holder = (): number | undefined => portHolders([sandbox.port], sandbox.view.processes)[0]?.pid
  expect(await again()).toMatchObject({ attempts: 1 })
  const first = holder()
  expect(await again()).toMatchObject({ attempts: 1 })
  expect(holder()).not.toBe(first)
  expect(notes).toEqual([expect.stringMatching(`^process ${first} .* held port ${sandbox.port} \\(proxy\\): ended$`)])
})

test.each<{ what: string; options: () => ServerOptions | Promise<ServerOptions>; attemptMs?: number; verdict: string; words: RegExp[] }>([
  {
    what: 'listens on another port', options: async () => ({ port: await freePort() }), verdict: 'port-mismatch',
    words: [/given port \d+ \(proxy\) but listens on \d+: process \d+ \(.*mcp-server/],
  },
  { what: 'listens on an ephemeral port besides', options: () => ({ extraPort: 0 }), verdict: 'port-mismatch', words: [/but listens also on \d+: process \d+/] },
  { what: 'never answers', options: () => ({ silent: true }), attemptMs: 6000, verdict: 'readiness', words: [/did not answer initialize rightly within/] },
  { what: 'answers 500', options: () => ({ status: 500 }), attemptMs: 5000, verdict: 'readiness', words: [/endpoint proxy answers initialize with HTTP 500: the fixture is told to fail/] },
  { what: 'answers and dies', options: () => ({ diesMs: 50 }), verdict: 'restart', words: [/the downstream is missing/, /ended again/] },
  // Its first two answers are right.
  { what: 'answers and dies a little later', options: () => ({ diesMs: 250 }), verdict: 'restart', words: [/ended again/] },
  { what: 'dies at once', options: () => ({ crash: 'Error: no such module' }), verdict: 'restart', words: [/^the app app is errored: pm2 gave it up after \d+ restarts; its log says: Error: no such module; the app app ended again and again/] },
])('a stack that $what is $verdict', async ({ options, attemptMs: bound, verdict, words }) => {
  const failure = await verdictOf(restart(underPm2(await options()), { suspect: () => 'it was given little', ...(bound !== undefined && { attemptMs: bound }) }))
  // What is seen is more than what is suspected.
  if (verdict === 'port-mismatch') expect(readFileSync(join(sandbox.view.root, 'logs/diagnosis-1.txt'), 'utf8')).not.toContain('it was given little')
  expect(failure.class, failure.diagnosis).toBe(verdict)
  for (const word of words) expect(failure.diagnosis).toMatch(word)
  expect(failure.evidence).toContain('logs/diagnosis-1.txt')
  expect(evidence).toEqual(['logs/diagnosis-1.txt'])
  expect(readFileSync(join(sandbox.view.root, 'logs/diagnosis-1.txt'), 'utf8')).toContain('== pm2')
})

test.each([
  { how: 'under pm2', words: /no pm2 daemon of .* is left/, stack: () => sandbox.stack },
  { how: 'without pm2', words: /no process of the stack is left/, stack: () => ({ logs: [], endpoints: {} }) },
])('a command that is content but starts nothing, $how, is found out before the attempt is over', async ({ words, stack }) => {
  const failure = await verdictOf(restart(['-e', ''], { stack: stack() }))
  expect(failure).toMatchObject({ class: 'restart', diagnosis: expect.stringMatching(words) as string })
})

test('a server that is somebody else is not taken for the stack', async () => {
  const accepts = ({ name, version }: { name: string; version?: string }): string | undefined =>
    name === 'mine' ? undefined : `${name} ${version ?? ''} answers, awaited is mine`
  const failure = await verdictOf(restart(underPm2({ name: 'other', version: '7' }), { accepts, attemptMs: 5000 }))
  expect(failure).toMatchObject({ class: 'readiness', diagnosis: expect.stringContaining('other 7 answers, awaited is mine') as string })
  await expect(restart(underPm2({ name: 'mine' }), { accepts })).resolves.toMatchObject({ attempts: 1 })
})

test('a stranger on the port is named and survives, and no attempt is made', async () => {
  const stranger = sandbox.stranger([fixture('mcp-server'), JSON.stringify({ port: sandbox.port })])
  await listens()
  const failure = await verdictOf(restart(underPm2(), { retries: 3 }))
  expect(failure).toMatchObject({ class: 'port-taken', diagnosis: expect.stringMatching(`${sandbox.port} \\(proxy\\) is held by process ${stranger.pid} \\(.*mcp-server`) as string })
  expect(isAlive(stranger)).toBe(true)
  expect(findDaemon(sandbox.pm2Home)).toBeUndefined()
  expect(readdirSync(join(sandbox.view.root, 'logs'))).toEqual([])
})

test('a stranger that takes the port during the attempt survives too', async () => {
  const options = JSON.stringify({ port: sandbox.port })
  let stranger: ReturnType<TestSandbox['stranger']> | undefined
  const failure = await verdictOf(restart([], {
    retries: 3,
    run: async () => {
      stranger = sandbox.stranger([fixture('mcp-server'), options])
      await listens()
      await sandbox.pm2(...sandbox.ecosystem())
      return ''
    },
  }))
  expect(failure.class, failure.diagnosis).toBe('port-taken')
  expect(stranger && isAlive(stranger)).toBe(true)
})

test('a process of the sandbox that outlived its daemon is ended before the restart', async () => {
  // Without pm2's metrics: with them an app ends by itself as soon as it tells them to a daemon that is gone.
  await restart(underPm2({}, { pmx: false }))
  const orphan = sandbox.view.processes().find(({ pid }) => pid === portHolders([sandbox.port], sandbox.view.processes)[0]?.pid)
  const daemon = findDaemon(sandbox.pm2Home)
  if (!daemon || !orphan) throw new Error('the stack is not up')
  signalProcess(daemon, 'SIGKILL')
  await waitFor(() => isAlive(daemon) ? undefined : true, { deadlineMs: 10_000, otherwise: () => new Error('the daemon lives') })
  await restart(underPm2())
  expect(isAlive(orphan)).toBe(false)
  expect(notes).toEqual([expect.stringMatching(`process ${orphan.pid} .* held port ${sandbox.port} \\(proxy\\) and is not under pm2: ended`)])
})

test('retries keep the diagnosis of each attempt and tell of it', async () => {
  const memory = join(sandbox.view.root, 'memory')
  const result = await restart([fixture('fails-once'), memory, 'the disk was busy', ...underPm2()], { retries: 1 })
  expect(result.attempts).toBe(2)
  expect(notes).toEqual([expect.stringMatching(/^attempt 1 .*the disk was busy.*logs\/diagnosis-1\.txt/)])
  expect(evidence).toEqual(['logs/diagnosis-1.txt'])
})

test('when no attempt works, the verdict has the evidence of all', async () => {
  const failure = await verdictOf(restart(['-e', 'console.error("no way"); process.exit(4)'], { retries: 2 }))
  expect(failure.class).toBe('restart')
  expect(failure.diagnosis).toMatch(/exited with 4; last line: no way \(attempt 3\)/)
  expect(failure.diagnosis).not.toContain('\n')
  expect(failure.evidence).toEqual([1, 2, 3].flatMap((attempt) => [`logs/diagnosis-${attempt}.txt`, `logs/test-restart${attempt === 1 ? '' : `-${attempt}`}.log`]))
})

test('a command that hangs is ended at its attempt, with a diagnosis', async () => {
  const failure = await verdictOf(restart(['-e', 'console.log("thinking"); setInterval(() => 1, 1000)'], { attemptMs: 3000, suspect: (tookMs) => tookMs >= 2500 ? 'it was given little' : undefined }))
  expect(failure).toMatchObject({ class: 'restart', diagnosis: expect.stringMatching(/did not end within .*thinking/) as string })
  expect(evidence).toEqual(['logs/diagnosis-1.txt'])
  expect(readFileSync(join(sandbox.view.root, 'logs/diagnosis-1.txt'), 'utf8')).toMatch(/^finding: none of the known causes is to be seen; it was given little$/m)
})

test('no attempt is begun for which no time is left', async () => {
  const failure = await verdictOf(restart(['-e', 'process.exit(1)'], { retries: 5, leftMs: () => 3000 }))
  expect(failure.class).toBe('restart')
  expect(evidence).toHaveLength(1)
  expect(notes).toEqual([expect.stringContaining('no time is left')])
})

test('EPIPE in the output gets one more attempt, on an empty pm2 home', async () => {
  await restart(underPm2())
  const old = findDaemon(sandbox.pm2Home)
  if (!old) throw new Error('no daemon')
  const result = await restart([fixture('fails-once'), join(sandbox.view.root, 'memory'), 'Error: write EPIPE', ...underPm2()])
  expect(result.attempts).toBe(2)
  expect(isAlive(old)).toBe(false)
  expect(existsSync(`${sandbox.pm2Home}.broken-1/pm2.log`)).toBe(true)
  expect(notes.join('\n')).toMatch(/pm2 is broken \(.*write EPIPE.*the old one is .*pm2\.broken-1/)
})

test('the extra attempt is given once', async () => {
  const failure = await verdictOf(restart(['-e', 'console.error("Error: write EPIPE"); process.exit(1)']))
  expect(failure.diagnosis).toMatch(/attempt 2/)
  expect(evidence).toHaveLength(2)
})

test('a stopped pm2 daemon is found out and replaced', async () => {
  await restart(underPm2())
  const daemon = findDaemon(sandbox.pm2Home)
  if (!daemon) throw new Error('no daemon')
  signalProcess(daemon, 'SIGSTOP')
  const result = await restart(underPm2(), { attemptMs: 15_000 })
  expect(result.attempts).toBe(2)
  expect(isAlive(daemon)).toBe(false)
  expect(notes.join('\n')).toMatch(/pm2 is broken \(.*stopped.*\)/)
  expect(readFileSync(join(sandbox.view.root, 'logs/diagnosis-1.txt'), 'utf8')).toMatch(`the pm2 daemon ${daemon.pid} lives but does not answer`)
})

test('a run that is stopped from outside ends at once and blames nobody', async () => {
  const reason = new Error('stopped by the user')
  const work = restart(underPm2({ silent: true }))
  work.catch(() => undefined)
  await listens()
  sandbox.signal.abort(reason)
  await expect(work).rejects.toBe(reason)
  expect(evidence).toEqual([])
})
