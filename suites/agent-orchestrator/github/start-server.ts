import { createInterface } from 'node:readline'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { proxyEnvironment } from '../outside.ts'

/** The program that is the fake GitHub; its one argument is JSON: `{"directory": "...", "port": 0}`. */
const serverProgram = fileURLToPath(new URL('server.mjs', import.meta.url))

const printed = z.object({ proxy: z.string(), ca: z.string(), control: z.string() })
/** Where a fake GitHub listens. */
export type GitHubPlace = z.infer<typeof printed>

/** @throws Error when the line is not what the program prints */
const readPlace = (line: string): GitHubPlace => printed.parse(JSON.parse(line))

/** What a Go program needs in its environment to reach the fake instead of GitHub. Loopback is never asked of the proxy. */
export const goEnvironment = ({ proxy, ca }: GitHubPlace): Record<string, string> => ({ ...proxyEnvironment(proxy), SSL_CERT_FILE: ca })

/**
 * Starts one as a child of this process.
 * @param env what it is to have in its environment: a lane gives the sandbox's, whose marker the run's end finds it by
 */
export async function startServer(directory: string, env: Readonly<Record<string, string>> = {}): Promise<GitHubPlace & { stop(): Promise<void>; kill(): Promise<void> }> {
  const child = spawn(process.execPath, [serverProgram, JSON.stringify({ directory })], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...env } })
  const ended = new Promise<void>((resolve) => { child.once('exit', () => { resolve() }) })
  const end = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<void> => {
    child.kill(signal)
    await ended
  }
  const first = new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).once('line', resolve)
    child.once('error', reject)
    void ended.then(() => { reject(new Error('the fake GitHub ended before it listened')) })
  })
  return { ...readPlace(await first), stop: () => end('SIGTERM'), kill: () => end('SIGKILL') }
}
