import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { excerpt } from '../../harness/redaction/excerpt.ts'
import { redactorOfThisProcess } from '../../harness/redaction/of-this-process.ts'
import type { StepContext } from '../../harness/suite.ts'
import { fail, VerdictError } from '../../harness/verdict.ts'
import { listTools } from '../../helpers/mcp-client.ts'
import { expectSameTools } from '../../helpers/stack-checks.ts'
import { waitFor } from '../../helpers/wait-for.ts'
import { intendedTools } from './catalog.ts'
import { environmentIn } from './environment-map.ts'
import { placesIn } from './places.ts'
import { serverStates, type ServerStates } from './proxy-log.ts'
import { serverIn } from './servers.ts'

/** The name under which Stelae's proxy introduces itself. */
export const stackName = 'stelae'

/** The MCP address of the sandbox's proxy. */
export const urlOf = (ports: StepContext['ports']): string => `http://127.0.0.1:${ports.proxy}/mcp`

/**
 * Starts the stack by its own script. The sweep of the sandbox ends it: `pm2 kill` would wait three seconds for what
 * carries the marker all the same.
 */
export async function startStack(context: StepContext, flags: readonly string[]): Promise<void> {
  const { paths, ports, restart } = context
  const places = placesIn(paths)
  await restart({
    command: { file: join(places.stelae, 'scripts/run_restart_stelae.sh'), args: flags, cwd: places.stelae },
    port: 'proxy', url: urlOf(ports),
    accepts: ({ name }) => name.startsWith(stackName) ? undefined : `this is ${name}, awaited is ${stackName}`,
  }).catch(async (error: unknown) => { throw await explained(context, error) })
}

/** Stelae's script waits for as many tools as are intended, and tells only how many there are: which are not, and why, is asked here. */
export async function explained(context: Pick<StepContext, 'paths' | 'ports' | 'signal' | 'run' | 'note'>, error: unknown): Promise<unknown> {
  if (context.signal.aborted || !(error instanceof VerdictError) || error.verdict.class !== 'readiness') return error
  const { diagnosis, evidence } = error.verdict
  try {
    await awaitServers(context, 2000)
    const live = await awaitTools(context, [])
    if (live.length > 0) expectIntendedCatalog(context, live)
    return error
  } catch (cause) {
    if (!(cause instanceof VerdictError)) return error
    const { verdict } = cause
    return fail(verdict.class, `${verdict.diagnosis}; ${diagnosis}`, { ...verdict, evidence: [...verdict.evidence, ...evidence] })
  }
}

/** Waits until the tools that must be there are, in at most `deadlineMs`. Returns all names. @throws VerdictError of class readiness */
export async function awaitTools({ ports, signal }: Pick<StepContext, 'ports' | 'signal'>, required: readonly string[], deadlineMs = 20_000): Promise<string[]> {
  let last: readonly string[] = []
  return waitFor(async () => {
    last = await listTools(urlOf(ports)).then((tools) => tools.map(({ name }) => name), () => [])
    return required.every((name) => last.includes(name)) ? [...last] : undefined
  }, {
    deadlineMs, everyMs: 200, signal,
    otherwise: () => fail('readiness', `${urlOf(ports)} does not offer ${required.filter((name) => !last.includes(name)).join(', ')}; it has ${last.join(', ') || 'no tools'}`, {
      remedy: 'look at the log of the proxy: a server that did not connect takes its tools with it',
    }),
  })
}

/**
 * Waits until the proxy has connected to each of its servers, in at most `deadlineMs`. Until then it answers each
 * `initialize` and `tools/list` two seconds late, with what it has; one that ends without a word is waited for in vain.
 * @throws VerdictError of class readiness that names the servers, and says what the first of them says
 */
export async function awaitServers(context: Pick<StepContext, 'paths' | 'signal' | 'run'>, deadlineMs = 40_000): Promise<void> {
  const { paths, signal } = context
  const log = join(placesIn(paths).stelae, 'logs/mcp-proxy.err.log')
  const look = (): ServerStates => serverStates(existsSync(log) ? readFileSync(log, 'utf8') : '')
  const late = await waitFor(() => look().waiting.length === 0 ? false : undefined, { deadlineMs, signal, otherwise: () => new Error('late') }).catch((error: unknown) => {
    signal.throwIfAborted()
    if (error instanceof Error && error.message === 'late') return true
    throw error
  })
  const { waiting, failed } = look()
  const [first = failed[0]?.server] = late ? waiting : []
  if (first === undefined) return
  const copy = join(paths.logs, 'mcp-proxy.err.log')
  writeFileSync(copy, redactorOfThisProcess().text(readFileSync(log, 'utf8')), { mode: 0o600 })
  const { words, evidence } = await lastWords(context, first)
  throw fail(
    'readiness',
    `${late ? `the proxy still waits for ${waiting.join(', ')}, which began to connect and was not heard of since` : `the proxy goes on without ${failed.map(({ server, reason }) => `${server} (${reason})`).join(', ')}`}; `
    + (words === undefined ? `started by hand, ${first} ends without an error` : `started by hand, ${first} says: ${words}`),
    { evidence: [relative(paths.root, copy), ...evidence] },
  )
}

/** Starts a server by hand, in the proxy's environment and without a client, and listens to what it says last when it fails. Milliseconds it may take: 10000. */
async function lastWords({ paths, run }: Pick<StepContext, 'paths' | 'run'>, server: string): Promise<{ words?: string; evidence: readonly string[] }> {
  const { proxyConfig, proxy, environmentFile } = placesIn(paths)
  const { command, args = [], env = {} } = serverIn(proxyConfig, server)
  if (command === undefined) return { evidence: [] }
  const lines: string[] = []
  try {
    await run({ name: `server-${server}`, file: command, args, cwd: proxy, env: { ...environmentIn(readFileSync(environmentFile, 'utf8')), ...env }, deadlineMs: 10_000, onLine: (line) => { if (line.trim() !== '') lines.push(line) } })
    return { evidence: [] }
  } catch (error) {
    return { words: excerpt(lines.at(-1) ?? 'nothing', 300), evidence: error instanceof VerdictError ? error.verdict.evidence : [] }
  }
}

/**
 * Compares what Stelae intends to offer with what is live.
 * @throws VerdictError of class catalog
 */
export function expectIntendedCatalog({ paths, note }: Pick<StepContext, 'paths' | 'note'>, live: readonly string[]): void {
  const { stateHome } = placesIn(paths)
  const intended = intendedTools(join(stateHome, 'intended_catalog.json'), join(stateHome, 'tool_overrides.json'))
  if (intended === undefined) {
    note('this checkout writes no snapshot of its intended catalog: nothing to compare the live one with')
    return
  }
  expectSameTools(intended.tools, live)
}
