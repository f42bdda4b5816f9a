import { readFileSync } from 'node:fs'
import { listenersOf } from '../harness/processes/listeners.ts'
import { commandOf, hasInEnvironment, readProcesses } from '../harness/processes/table.ts'
import { markerVariable } from '../harness/sandbox/ledger.ts'
import { fail } from '../harness/verdict.ts'

type Environment = Readonly<Record<string, string>>

/** What the processes of a sandbox listen on; clone-smoke's own process is not among them. */
export function sandboxListeners(env: Environment): { port: number; pid: number }[] {
  return listenersOf((pid) => pid !== process.pid && belongs(env, pid))
}

const belongs = (env: Environment, pid: number): boolean => hasInEnvironment(pid, markerVariable, env[markerVariable] ?? '')

/** @throws VerdictError of class leak when a process of the sandbox does not descend from the stack's pm2 daemon */
export function expectOnlyStackProcesses(env: Environment, pm2PidFile: string): void {
  const table = readProcesses()
  const daemon = Number(readFileSync(pm2PidFile, 'utf8').trim())
  const stack = new Set([daemon])
  for (let size = 0; size !== stack.size;) {
    size = stack.size
    for (const { pid, ppid } of table) if (stack.has(ppid)) stack.add(pid)
  }
  const strays = table.filter(({ pid, zombie }) => !zombie && !stack.has(pid) && pid !== process.pid && belongs(env, pid))
  if (strays.length === 0) return
  throw fail('leak', `the sandbox has processes that are not the stack's: ${strays.map(({ pid }) => `${pid} (${commandOf(pid)})`).join(', ')}`, {
    remedy: 'find out what started them: an agent session and every server it used should end with it',
  })
}

/** @throws VerdictError of class port-mismatch when the stack listens anywhere but on the port it was given */
export function expectOnlyPort(env: Environment, port: number): void {
  const listeners = sandboxListeners(env)
  const strays = listeners.filter((listener) => listener.port !== port)
  if (strays.length === 0 && listeners.length > 0) return
  throw fail(
    'port-mismatch',
    listeners.length === 0
      ? `no process of the stack listens on port ${port}, though something answers there`
      : `the stack was given port ${port} but listens on ${strays.map((stray) => `${stray.port} (pid ${stray.pid}: ${commandOf(stray.pid)})`).join(', ')}`,
    { remedy: 'look for a port written out in config/proxy.template.json' },
  )
}

/** @throws VerdictError of class catalog naming what is missing and what is too much */
export function expectSameTools(intended: readonly string[], live: readonly string[], when = 'the live catalog'): void {
  const missing = intended.filter((name) => !live.includes(name))
  const extra = live.filter((name) => !intended.includes(name))
  if (missing.length === 0 && extra.length === 0) return
  throw fail('catalog', `${when} differs from the intended one: ${[
    ...(missing.length > 0 ? [`missing ${missing.join(', ')}`] : []),
    ...(extra.length > 0 ? [`not intended ${extra.join(', ')}`] : []),
  ].join('; ')}`)
}
