import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { liveTools, probeProxy } from './probe.mjs'
import { render } from './render.mjs'

/** A restart that did not work out: why, in one sentence, and the ends of the logs that belong to it. */
export class RestartError extends Error {
  constructor(message, logs) {
    super(message)
    this.logs = logs
  }
}

/** Renders, restarts the proxy under pm2, and waits until it answers with what was just rendered. */
export async function restartStack(places, { timeoutMs = 30_000, log = () => undefined } = {}) {
  const startedAt = performance.now()
  const leftMs = () => timeoutMs - (performance.now() - startedAt)
  const { rendered } = render(places)
  await runPm2(places, ['startOrRestart', join(places.stackDir, 'ecosystem.config.cjs'), '--update-env'], leftMs(), log)
  let last = 'no probe was made'
  for (let attempt = 1, pauseMs = 50; leftMs() > 0; attempt += 1, pauseMs = Math.min(pauseMs * 1.6, 1000)) {
    const { serverInfo, detail } = await probeProxy(places.url, Math.min(leftMs(), 3000))
    last = detail
    const after = Math.round(performance.now() - startedAt)
    if (serverInfo?.name === rendered.name && serverInfo.version === rendered.revision) {
      log(`[restart] probe ${attempt} after ${after} ms: ${detail}`)
      const tools = await liveTools(places.url)
      log(`[restart] ready on port ${places.port}: ${tools.length} tools`)
      return tools
    }
    const why = serverInfo ? ` (this is ${serverInfo.name} ${serverInfo.version}, awaited is ${rendered.name} ${rendered.revision})` : ''
    log(`[restart] probe ${attempt} after ${after} ms: ${detail}${why}`)
    await delay(Math.max(0, Math.min(pauseMs, leftMs())))
  }
  throw new RestartError(
    `the proxy did not become ready on port ${places.port} within ${timeoutMs / 1000} s; last answer of ${places.url}: ${last}`, tails(places),
  )
}

/** Runs the pm2 program; its output is read here, so that it cannot die of a pipe that somebody closed. */
async function runPm2(places, args, timeoutMs, log) {
  const child = spawn(process.execPath, [places.pm2, ...args], { cwd: places.stackDir, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => { said += chunk })
  const timer = setTimeout(() => child.kill('SIGKILL'), Math.max(1, timeoutMs))
  const code = await new Promise((resolve, reject) => {
    child.once('exit', (exitCode, signal) => resolve(signal ?? exitCode))
    child.once('error', reject)
  })
  clearTimeout(timer)
  for (const line of said.split('\n')) if (/error|EPIPE/i.test(line)) log(`[pm2] ${line.trim()}`)
  if (code !== 0) throw new RestartError(`pm2 ${args[0]} ended with ${code}; it said: ${said.trim().slice(-1000)}`, tails(places))
}

function tails(places) {
  return ['reference-proxy-out.log', 'reference-proxy-error.log'].map((name) => {
    const file = join(places.pm2Home, 'logs', name)
    const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').slice(-8) : ['(no such file)']
    return [`last lines of ${file}:`, ...lines.map((line) => `  ${line}`)].join('\n')
  }).join('\n')
}
