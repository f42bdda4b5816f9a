import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadEnvironment, stackDir } from '../../lib/environment.mjs'

/** The checkout of the proxy that belongs to this one; the only thing that is taken from the environment. */
export const proxyDir = process.env.PROXY_DIR || join(stackDir, '..', 'proxy')

const undos = new WeakMap()

/** Registers what a test must undo when it ends; the last is undone first, which `t.after` does not do. */
export function undo(t, work) {
  if (!undos.has(t)) {
    undos.set(t, [])
    t.after(async () => {
      for (const step of undos.get(t).reverse()) await step()
    })
  }
  undos.get(t).push(work)
}

/** The environment of a stack of its own, in a directory that is removed when the test ends. */
export function temporaryEnvironment(t, port = 1) {
  const home = mkdtempSync(join(tmpdir(), 'stack-'))
  undo(t, () => rmSync(home, { recursive: true, force: true }))
  return {
    PATH: process.env.PATH, STACK_CONFIG_HOME: home, STACK_STATE_HOME: join(home, '.state'),
    PROXY_DIR: proxyDir, PROXY_PORT: String(port), PUBLIC_PORT: String(port),
    PM2_HOME: join(home, 'pm2'), PM2_BIN: join(stackDir, 'tests/unit/pretend-pm2.mjs'),
  }
}

export const temporaryPlaces = (t, port) => loadEnvironment(temporaryEnvironment(t, port))

export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}
