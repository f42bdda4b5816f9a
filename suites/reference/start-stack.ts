import { join } from 'node:path'
import type { StepContext } from '../../harness/suite.ts'
import { fail } from '../../harness/verdict.ts'
import { listTools, probeInitialize } from '../../helpers/mcp-client.ts'
import { waitFor } from '../../helpers/wait-for.ts'
import { expectOnlyPort } from '../../helpers/stack-checks.ts'
import { pm2Home } from './places.ts'
import { expectSoundSchemas } from './published-schemas.ts'

const stackName = 'reference-stack'

const urlOf = (ports: StepContext['ports']): string => `http://127.0.0.1:${ports.proxy}/mcp`

/** Starts the stack by its own script, on the sandbox's port and no other. How it is stopped is registered first. */
export async function startStack({ paths, ports, restartSeconds, restart, undo }: StepContext, stack: string): Promise<void> {
  undo({ name: 'stop the stack', file: process.execPath, args: ['scripts/stop-stack.mjs'], cwd: stack, whilePidFile: join(pm2Home(paths), 'pm2.pid') })
  await restart({
    command: { file: process.execPath, args: ['scripts/restart-stack.mjs', '--timeout', String(restartSeconds)], cwd: stack },
    port: 'proxy', url: urlOf(ports),
    accepts: ({ name }) => name === stackName ? undefined : `this is ${name}, awaited is ${stackName}`,
  })
}

/** Waits until the stack answers as itself. Returns its address and its live tools. @throws VerdictError */
export async function awaitReady({ env, ports, signal }: StepContext): Promise<{ proxyUrl: string; tools: string[] }> {
  const proxyUrl = urlOf(ports)
  let last = 'no probe was made'
  await waitFor(async () => {
    const probe = await probeInitialize(proxyUrl, 2000)
    last = probe.detail
    return probe.ok && probe.serverName === stackName ? probe : undefined
  }, { deadlineMs: 10_000, signal, otherwise: () => fail('readiness', `${proxyUrl} does not answer initialize as ${stackName}; last answer: ${last}`) })
  expectOnlyPort(env, ports.proxy ?? 0)
  const tools = await listTools(proxyUrl)
  expectSoundSchemas(tools)
  return { proxyUrl, tools: tools.map(({ name }) => name) }
}
