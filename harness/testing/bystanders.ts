import { spawn } from 'node:child_process'
import { identify, isAlive, type ProcessIdentity } from '../processes/table.ts'

/** Processes of a test that no sandbox has started: each is known by pid and start time, and ended with the test. */
export class Bystanders {
  #known: ProcessIdentity[] = []

  /** A process in a session of its own that waits to be ended. */
  start(options: { env?: Record<string, string>; cwd?: string } = {}): ProcessIdentity {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore', cwd: '/', env: {}, detached: true, ...options })
    child.unref()
    return this.watch(child.pid)
  }

  /** One that the test started itself. @throws Error when it does not run */
  watch(pid: number | undefined): ProcessIdentity {
    const identity = pid === undefined ? undefined : identify(pid)
    if (!identity) throw new Error('the process did not start')
    this.#known.push(identity)
    return identity
  }

  end(): void {
    for (const identity of this.#known) if (isAlive(identity)) process.kill(identity.pid, 'SIGKILL')
    this.#known = []
  }
}
