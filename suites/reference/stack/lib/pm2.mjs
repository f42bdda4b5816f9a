import { spawn } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { StackError } from './environment.mjs'

/** Runs the pm2 program; its output is read here, so that it cannot die of a pipe that somebody closed. */
export async function runPm2(places, args, timeoutMs) {
  if (!existsSync(places.pm2)) throw new StackError(`PM2_BIN names no file: ${places.pm2}; run npm install pm2 and correct it (see .env.example)`)
  const child = spawn(process.execPath, [places.pm2, ...args], {
    cwd: places.stackDir, env: { ...process.env, ...places.environment }, stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const timer = setTimeout(kill, Math.max(1, timeoutMs))
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { said += chunk })
  // Not `close`: the daemon that pm2 starts may hold the pipes open.
  const code = await new Promise((resolve) => {
    child.once('exit', (exitCode, signal) => resolve(signal ?? exitCode))
    child.once('error', (error) => resolve(error.message))
  })
  clearTimeout(timer)
  process.off('exit', kill)
  return { code, said }
}

/** What pm2 says of the proxy, e.g. `online` or `errored`; undefined when it does not say. */
export async function proxyStatus(places, timeoutMs) {
  const { said } = await runPm2(places, ['jlist'], timeoutMs)
  try {
    const { status, restart_time: restarts } = JSON.parse(/^\[\{.*\]$/m.exec(said)[0])[0].pm2_env
    return { status, restarts }
  } catch {
    return undefined
  }
}

/** Whether a process runs; one that has ended stays in the table until its parent looks after it. */
export function isAlive(pid) {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

/** Marks the ends of the proxy's logs; what is read later began after the mark. */
export function markLogs(places) {
  const files = ['reference-proxy-out.log', 'reference-proxy-error.log'].map((name) => join(places.pm2Home, 'logs', name))
  const marks = files.map((file) => [file, existsSync(file) ? statSync(file).size : 0])
  const read = () => marks.map(([file, from]) => [file, existsSync(file) ? readFileSync(file).subarray(from).toString().trim() : ''])
  return {
    /** The last lines of both, ready to print. */
    tails: () => read().map(([file, text]) =>
      [`last lines of ${file}:`, ...(text || '(nothing since this restart)').split('\n').slice(-8).map((line) => `  ${line}`)].join('\n')).join('\n'),
    /** What the proxy says of its port: the one it listens on, or why it does not. */
    saysOfPort: () => [...read()[0][1].matchAll(/listening on port (?<port>\d+)|(?<trouble>cannot listen on .*)/g)].at(-1)?.groups ?? {},
  }
}
