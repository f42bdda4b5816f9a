// As much of pm2 as the stack asks for, without a daemon: (re)starts the app of an ecosystem file, lists it, kills it.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive } from '../../lib/pm2.mjs'

const [command, ecosystem] = process.argv.slice(2)
const pidFile = join(process.env.PM2_HOME, 'app.pid')
mkdirSync(process.env.PM2_HOME, { recursive: true })
if (command === 'jlist') {
  console.log(JSON.stringify([{ name: 'reference-proxy', pm2_env: { status: existsSync(pidFile) && isAlive(Number(readFileSync(pidFile, 'utf8'))) ? 'online' : 'stopped', restart_time: 0 } }]))
} else {
  await stop()
}
if (command === 'startOrRestart') start(createRequire(import.meta.url)(ecosystem).apps[0])

function start({ script, cwd, env, out_file: out, error_file: error }) {
  mkdirSync(dirname(out), { recursive: true })
  const child = spawn(process.execPath, [resolve(cwd, script)], {
    cwd, env: { ...process.env, ...env }, detached: true, stdio: ['ignore', openSync(out, 'a'), openSync(error, 'a')],
  })
  child.unref()
  writeFileSync(pidFile, String(child.pid))
}

async function stop() {
  if (!existsSync(pidFile)) return
  const pid = Number(readFileSync(pidFile, 'utf8'))
  rmSync(pidFile)
  if (isAlive(pid)) process.kill(pid, 'SIGTERM')
  while (isAlive(pid)) await delay(20)
}
