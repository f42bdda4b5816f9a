import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadEnvironment } from '../../lib/environment.mjs'

/** Places of a stack of its own, in a directory that is removed when the test ends. */
export function temporaryPlaces(t, port = 1) {
  const home = mkdtempSync(join(tmpdir(), 'stack-'))
  t.after(() => rmSync(home, { recursive: true, force: true }))
  return loadEnvironment({ STACK_CONFIG_HOME: home, PROXY_PORT: String(port), PM2_HOME: join(home, 'pm2'), PM2_BIN: '/no/pm2' })
}
