import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { loadEnvironment, main } from '../lib/environment.mjs'
import { isAlive, runPm2 } from '../lib/pm2.mjs'

const timeoutMs = 15_000

await main(async () => {
  const places = loadEnvironment()
  const pidFile = join(places.pm2Home, 'pm2.pid')
  const pid = existsSync(pidFile) ? Number(readFileSync(pidFile, 'utf8')) : 0
  // Asking pm2 itself would start a daemon.
  if (!isAlive(pid)) {
    console.log(`[stop] pm2 does not run: ${pidFile} names no live process`)
    return 0
  }
  const deadline = performance.now() + timeoutMs
  const { code, said } = await runPm2(places, ['kill'], timeoutMs)
  // pm2 says that its daemon is stopped a moment before it is.
  while (isAlive(pid) && performance.now() < deadline) await delay(20)
  if (code === 0 && !isAlive(pid)) {
    console.log(`[stop] the pm2 daemon ${pid} has ended, and the stack with it`)
    return 0
  }
  console.error(`[stop] pm2 kill ended with ${code}; its daemon ${pid} ${isAlive(pid) ? 'still runs' : 'has ended'}. It said: ${said.trim() || '(nothing)'}`)
  return 1
})
