import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadEnvironment, main } from '../lib/environment.mjs'

await main(() => {
  const places = loadEnvironment()
  if (!daemonLives(join(places.pm2Home, 'pm2.pid'))) {
    console.log('[stop] pm2 does not run')
    return 0
  }
  return spawnSync(process.execPath, [places.pm2, 'kill'], { stdio: 'inherit' }).status
})

/** Asking pm2 itself would start a daemon. */
function daemonLives(pidFile) {
  try {
    process.kill(Number(readFileSync(pidFile, 'utf8')), 0)
    return true
  } catch {
    return false
  }
}
