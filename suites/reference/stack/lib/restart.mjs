import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { StackError } from './environment.mjs'
import { markLogs, proxyStatus, runPm2 } from './pm2.mjs'
import { liveTools, probeProxy } from './probe.mjs'
import { render } from './render.mjs'

/** How often pm2 is asked whether it still tries, in milliseconds. */
const askPm2Ms = 2500

/** A restart that did not work out: why, in one sentence, and the ends of the logs that belong to it. */
export class RestartError extends StackError {
  constructor(message, logs) {
    super(message)
    this.logs = logs
  }
}

/** Renders, restarts the proxy under pm2, and waits until it answers with what was just rendered. Returns the live tools. */
export async function restartStack(places, { timeoutMs = 60_000, log = () => undefined } = {}) {
  const startedAt = performance.now()
  const passedMs = () => Math.round(performance.now() - startedAt)
  const leftMs = () => timeoutMs - passedMs()
  const { rendered } = render(places)
  log(`[restart] rendered revision ${rendered.revision} for port ${places.port}`)
  const logs = markLogs(places)
  const { code, said } = await runPm2(places, ['startOrRestart', join(places.stackDir, 'ecosystem.config.cjs'), '--update-env'], leftMs())
  for (const line of said.split('\n')) if (/error|EPIPE/i.test(line)) log(`[pm2] ${line.trim()}`)
  if (code !== 0) throw new RestartError(`pm2 startOrRestart ended with ${code}; it said: ${said.trim().slice(-1000) || '(nothing)'}`, logs.tails())

  const failure = (why) => new RestartError(why + saysOfPort(places, logs), logs.tails())
  let last = 'no probe was made'
  let askAtMs = passedMs() + askPm2Ms
  for (let attempt = 1, pauseMs = 50; leftMs() > 0; attempt += 1, pauseMs = Math.min(pauseMs * 1.5, 500)) {
    const { serverInfo, detail } = await probeProxy(places.url, Math.min(leftMs(), 3000))
    last = detail
    const isOurs = serverInfo?.name === rendered.name && serverInfo.version === rendered.revision
    const why = serverInfo && !isOurs ? ` (this is ${serverInfo.name} ${serverInfo.version}, awaited is ${rendered.name} ${rendered.revision})` : ''
    log(`[restart] probe ${attempt} after ${passedMs()} ms: ${detail}${why}`)
    if (isOurs) {
      try {
        const tools = await liveTools(places.url, Math.max(1000, leftMs()))
        log(`[restart] ready on port ${places.port}: ${tools.length} tools`)
        return tools
      } catch (error) {
        last = `initialize is answered, but tools/list is not: ${error.message}`
        log(`[restart] ${last}`)
      }
    }
    if (passedMs() > askAtMs) {
      const found = await proxyStatus(places, leftMs())
      if (found?.status === 'errored') throw failure(`the proxy ended again and again, and pm2 gave it up after ${found.restarts} restarts; it was to listen on port ${places.port}`)
      askAtMs = passedMs() + askPm2Ms
    }
    await delay(Math.max(0, Math.min(pauseMs, leftMs())))
  }
  throw failure(`the proxy did not become ready on port ${places.port} within ${timeoutMs / 1000} s; last answer of ${places.url}: ${last}`)
}

function saysOfPort(places, logs) {
  const { port, trouble } = logs.saysOfPort()
  if (trouble) return `; its own log says: ${trouble}`
  if (port === undefined || Number(port) === places.port) return ''
  return `; its own log says that it listens on port ${port}: look for a port that is written out in config/proxy.template.json or in the proxy`
}
