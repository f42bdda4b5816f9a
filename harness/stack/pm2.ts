import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs'
import { connect } from 'node:net'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { z } from 'zod'
import { commandOf, isAlive, readProcess, readProcesses, type ProcessInfo } from '../processes/table.ts'
import { endProcesses } from '../sandbox/finish.ts'
import { excerpt } from '../redaction/excerpt.ts'
import { environmentOf, familyOf, stateOf } from './process-details.ts'

/** One row of pm2's table. */
export interface Pm2App {
  readonly name: string
  readonly id: number
  /** Undefined while it does not run. */
  readonly pid: number | undefined
  /** pm2's word: online, launching, stopping, stopped, errored, waiting restart. */
  readonly status: string
  readonly restarts: number
  /** Restarts in a row after less than `min_uptime`; pm2 sets it to 0 when it gives the app up. */
  readonly unstableRestarts: number
  /** Milliseconds since 1970 of its last start. */
  readonly startedAt: number | undefined
  readonly exitCode: number | undefined
  readonly script: string
  readonly args: readonly string[]
  readonly outLog: string | undefined
  readonly errorLog: string | undefined
}

export type Pm2Daemon =
  | { readonly kind: 'none' }
  /** The pid file names a process that no longer runs, or one that is not a pm2 daemon of this home. */
  | { readonly kind: 'dead'; readonly pid: number }
  | { readonly kind: 'answers'; readonly pid: number; readonly apps: readonly Pm2App[] }
  | { readonly kind: 'half-dead'; readonly pid: number; readonly why: string }

/**
 * Looks at the pm2 daemon of a home, and never starts one. Without `program` a daemon whose socket takes a connection
 * counts as answering, and its apps are read from pm2's files.
 * @param boundMs how long pm2 may take to answer, in milliseconds
 */
export async function examinePm2(
  home: string, program: string | undefined, env: Readonly<Record<string, string>>, boundMs = 5000,
): Promise<Pm2Daemon> {
  const written = pidIn(join(home, 'pm2.pid'))
  const pid = findDaemon(home)?.pid
  if (pid === undefined) return written === undefined ? { kind: 'none' } : { kind: 'dead', pid: written }
  if (stateOf(pid) === 'T') return { kind: 'half-dead', pid, why: 'it is stopped (state T)' }
  const answer = program === undefined ? await readFiles(home, boundMs) : await askPm2(home, program, env, boundMs)
  if (typeof answer !== 'string') return { kind: 'answers', pid, apps: answer }
  return findDaemon(home)?.pid === pid ? { kind: 'half-dead', pid, why: answer } : { kind: 'dead', pid }
}

/** The living pm2 daemon of a home: the one its pid file names, else the youngest that was started for it. */
export function findDaemon(home: string): ProcessInfo | undefined {
  const written = pidIn(join(home, 'pm2.pid'))
  const named = written === undefined ? undefined : readProcess(written)
  if (named !== undefined && isDaemonOf(named, home)) return named
  return readProcesses().filter((info) => isDaemonOf(info, home)).sort((a, b) => b.startTime - a.startTime)[0]
}

const isDaemonOf = (info: ProcessInfo, home: string): boolean => homeOfDaemon(info) === resolve(home)

/** The home of a pm2 daemon; undefined for any other process. */
export function homeOfDaemon({ pid, zombie }: ProcessInfo): string | undefined {
  // Its title, or its program while it has not set one yet (pm2/lib/Daemon.js).
  if (zombie || !/^PM2 v|God Daemon|pm2\/lib\/Daemon\.js/.test(commandOf(pid))) return undefined
  const environment = environmentOf(pid)
  if (environment === undefined) return undefined
  return resolve(environment.get('PM2_HOME') ?? join(environment.get('HOME') ?? homedir(), '.pm2'))
}

const rowsOfPm2 = z.array(z.object({
  name: z.string(), pm_id: z.number(), pid: z.number().nullish(),
  pm2_env: z.object({
    status: z.string(), restart_time: z.number().default(0), unstable_restarts: z.number().default(0),
    pm_uptime: z.number().nullish(), exit_code: z.number().nullish(), pm_exec_path: z.string().default(''),
    args: z.union([z.array(z.coerce.string()), z.string()]).nullish(),
    pm_out_log_path: z.string().nullish(), pm_err_log_path: z.string().nullish(),
  }),
}))

/**
 * pm2's own table by `pm2 jlist`; a sentence when it does not come. With no daemon pm2 would start one: it opens its
 * log for that first, which is made impossible here (pm2/lib/Client.js, launchDaemon).
 */
export async function askPm2(
  home: string, program: string, env: Readonly<Record<string, string>>, boundMs: number,
): Promise<readonly Pm2App[] | string> {
  if (!existsSync(program)) return `there is no pm2 at ${program}`
  const child = spawn(process.execPath, [program, 'jlist'], {
    // Should another pm2 not mind about its log, its daemon would only be checked for its syntax.
    env: { ...env, PM2_HOME: home, PM2_LOG_FILE_PATH: '/dev/null/none', PM2_NODE_OPTIONS: '--check' },
    cwd: home, stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => { said += chunk }).on('error', () => undefined)
  }
  let timer: NodeJS.Timeout | undefined
  const late = await new Promise<boolean>((done) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL')
      done(true)
    }, Math.max(1, boundMs))
    child.once('close', () => { done(false) })
    child.once('error', (error) => {
      said += error.message
      done(false)
    })
  })
  clearTimeout(timer)
  if (late) return `it does not answer within ${(boundMs / 1000).toFixed(1)} s`
  // Other lines may stand around it: a banner, a warning about versions.
  for (const line of stripVTControlCharacters(said).split('\n')) {
    if (!line.startsWith('[')) continue
    try {
      return rowsOfPm2.parse(JSON.parse(line)).map(({ name, pm_id: id, pid, pm2_env: app }) => ({
        name, id, status: app.status, restarts: app.restart_time, unstableRestarts: app.unstable_restarts,
        // A pid of 0 is pm2's word for none.
        pid: pid === null || pid === 0 ? undefined : pid,
        startedAt: app.pm_uptime ?? undefined, exitCode: app.exit_code ?? undefined, script: app.pm_exec_path,
        args: typeof app.args === 'string' ? [app.args] : (app.args ?? []),
        outLog: app.pm_out_log_path ?? undefined, errorLog: app.pm_err_log_path ?? undefined,
      }))
    } catch {
      // A line like `[PM2] ...`, or one that was cut.
    }
  }
  if (said.includes('/dev/null/none')) return `nothing answers at ${join(home, 'rpc.sock')}`
  return `pm2 jlist shows no table; it said: ${excerpt(said.trim().split('\n').slice(-3).join(' '), 300) || '(nothing)'}`
}

/** The apps as pm2's own files tell of them; a sentence when its socket takes no connection. */
async function readFiles(home: string, boundMs: number): Promise<readonly Pm2App[] | string> {
  const refused = await new Promise<string | undefined>((done) => {
    const socket = connect(join(home, 'rpc.sock')).setTimeout(boundMs)
    const end = (why?: string) => (): void => {
      socket.destroy()
      done(why)
    }
    socket.once('connect', end()).once('timeout', end('its socket takes no connection'))
    socket.once('error', (error) => { end(`its socket takes no connection: ${error.message}`)() })
  })
  if (refused !== undefined) return refused
  const log = readText(join(home, 'pm2.log'))
  // pm2 removes the pid file of an app that has ended; its log still tells of it.
  const apps = new Map([
    ...[...log.matchAll(/App \[(.+):(\d+)\] /g)].map((match) => [match[2] ?? '', match[1] ?? ''] as const),
    ...namesIn(join(home, 'pids')).map((file) => /^(.+)-(\d+)\.pid$/.exec(file)).filter((match) => match !== null).map((match) => [match[2] ?? '', match[1] ?? ''] as const),
  ])
  return [...apps].map(([id, name]) => {
    const pid = pidIn(join(home, 'pids', `${name}-${id}.pid`))
    const info = pid === undefined ? undefined : readProcess(pid)
    const lives = info !== undefined && !info.zombie
    const exits = [...log.matchAll(/App \[(.+):(\d+)\] exited with code \[(\d+)\]/g)].filter((match) => match[1] === name && match[2] === id)
    const givenUp = !lives && /Script .* had too many unstable restarts/.test(log)
    return {
      name, id: Number(id), pid: lives ? pid : undefined, status: lives ? 'online' : givenUp ? 'errored' : 'stopped',
      restarts: exits.length, unstableRestarts: 0, startedAt: undefined, script: '', args: [],
      exitCode: exits.length === 0 ? undefined : Number(exits.at(-1)?.[3]),
      outLog: join(home, 'logs', `${name}-out.log`), errorLog: join(home, 'logs', `${name}-error.log`),
    }
  })
}

/** The first line, in the output of pm2 or of a script that uses it, that shows a daemon nobody can talk to. */
export function showsBrokenDaemon(output: string): string | undefined {
  // What `pm2 logs` shows is the word of an app, not of pm2.
  const lines = stripVTControlCharacters(output).split('\n').filter((line) => !/^\d+\|/.test(line))
  const spawning = lines.findLastIndex((line) => line.includes('Spawning PM2 daemon'))
  const line = lines.find((text) => /\bwrite EPIPE\b/.test(text) || /(ECONNREFUSED|ENOENT|ECONNRESET|EPIPE)\b.*\b(rpc|pub)\.sock/.test(text))
    ?? (lines.slice(spawning).some((text) => text.includes('Successfully daemonized')) ? undefined : lines[spawning])
  return line === undefined ? undefined : excerpt(line.trim(), 300)
}

/**
 * Ends the daemon of a home with everything it started, moves the home aside to `<home>.broken-<n>`, and makes an empty
 * one. Returns where the old one is.
 * @param owned the living processes that are proven to be the sandbox's; no other is signalled
 * @throws Error when the daemon is not the sandbox's, or something does not end
 */
export async function freshPm2Home(home: string, owned: () => readonly ProcessInfo[]): Promise<string> {
  const daemon = findDaemon(home)
  if (daemon && !owned().some(({ pid }) => pid === daemon.pid)) {
    throw new Error(`process ${daemon.pid} (${commandOf(daemon.pid)}) is a pm2 daemon of ${home}, but not the sandbox's: it is left alone`)
  }
  // Who was seen once is ended, also when its parent has gone before it.
  const seen = new Map<number, ProcessInfo>()
  const find = (): ProcessInfo[] => {
    const table = owned()
    for (const info of table) if (isUnderPm2(info, home, table)) seen.set(info.pid, info)
    return [...seen.values()].filter(isAlive)
  }
  await endProcesses(find)
  const left = find()
  if (left.length > 0) throw new Error(`these processes of ${home} do not end: ${left.map(({ pid }) => `${pid} (${commandOf(pid)})`).join(', ')}`)
  mkdirSync(home, { recursive: true, mode: 0o700 })
  let count = 1
  while (existsSync(`${home}.broken-${count}`)) count += 1
  const aside = `${home}.broken-${count}`
  renameSync(home, aside)
  mkdirSync(home, { mode: 0o700 })
  return aside
}

/** True for the daemon of a home, for what descends from it, and for an app that has outlived it. */
export function isUnderPm2(info: ProcessInfo, home: string, table: readonly ProcessInfo[] = readProcesses()): boolean {
  const daemon = findDaemon(home)
  if (daemon && familyOf(daemon.pid, table).has(info.pid)) return true
  // pm2 gives every app its number and the path of its pid file.
  const pidFile = environmentOf(info.pid)?.get('pm_pid_path')
  return pidFile !== undefined && resolve(pidFile).startsWith(`${resolve(home)}/`)
}

function pidIn(file: string): number | undefined {
  const pid = Number(readText(file).trim())
  return Number.isInteger(pid) && pid > 0 ? pid : undefined
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
