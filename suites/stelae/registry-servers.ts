import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { z } from 'zod'
import { excerpt, excerptOfEnd } from '../../harness/redaction/excerpt.ts'
import type { StepContext } from '../../harness/suite.ts'
import { clientName } from '../../helpers/mcp-client.ts'
import { cacheDirectory, keyOf, madeOnce, untilAborted } from '../../helpers/cached.ts'
import { optionsOf } from './options.ts'
import type { Places } from './places.ts'
import { hostPython } from './python.ts'
import { writeLauncher, type Adaptation } from './servers.ts'

/** A server of the bundle, or the one to install, that a registry has. */
interface RegistryServer {
  readonly server: string
  /** Its program in the sandbox, which is a stand-in until then. */
  readonly program: string
  readonly registry: 'PyPI' | 'npm'
  readonly package: string
  /** What is asked of the registry, where the newest of the package alone does not work. */
  readonly requirements?: readonly string[]
  /** Least minor version of Python 3, where it is newer than Stelae's own. */
  readonly python3?: number
  /** Arguments with which it serves on stdio. */
  readonly args: readonly string[]
  readonly env?: (directory: string) => Readonly<Record<string, string>>
  /** A variable of Stelae's that it must not get. */
  readonly without?: string
  /** What it downloads when it starts for the first time, beside its package. */
  readonly needs?: string
  /** Why it is taken only when all are asked for. */
  readonly heavy?: string
  /** Why it is not started as the bundle says. */
  readonly differs?: string
}

/**
 * Bounds: strata-mcp imports what mcp 2 has no more; the catalog of the bundle names tools that
 * basic-memory has until 0.14, and that cannot be imported with pydantic 2.12.
 */
export const registryServers: readonly RegistryServer[] = [
  { server: 'sh', program: 'mcp-server-commands', registry: 'npm', package: 'mcp-server-commands', args: [], differs: 'the bundle pins 0.6.0 ("No matching version found for mcp-server-commands@0.6.0")' },
  { server: 'strata', program: 'strata', registry: 'PyPI', package: 'strata-mcp', requirements: ['strata-mcp', 'mcp>=1.20,<2'], args: [] },
  { server: 'scrapling', program: 'scrapling-fetch-mcp', registry: 'PyPI', package: 'scrapling-fetch-mcp', args: ['--stdio'] },
  {
    server: 'mem', program: 'basic-memory', registry: 'PyPI', package: 'basic-memory', requirements: ['basic-memory>=0.14,<0.15', 'mcp>=1.20,<2', 'pydantic<2.12'], python3: 12,
    args: ['mcp', '--transport', 'stdio'], without: 'BASIC_MEMORY_PROJECT',
    heavy: 'it takes 6 s of processor time at each start of the stack, four in a run; SMOKE_BUNDLE_SERVERS=all has it',
    differs: 'the catalog names the tools of 0.14; it is started without BASIC_MEMORY_PROJECT, with which it ends ("actual_project_name cannot be None")',
  },
  {
    server: 'qdrant', program: 'mcp-server-qdrant', registry: 'PyPI', package: 'mcp-server-qdrant', args: ['--transport', 'stdio'],
    needs: 'https://huggingface.co',
    env: (directory) => ({ FASTEMBED_CACHE_PATH: join(directory, 'models'), COLLECTION_NAME: 'clone-smoke', QDRANT_LOCAL_PATH: join(directory, 'probe'), EMBEDDING_MODEL: 'sentence-transformers/all-MiniLM-L6-v2' }),
  },
]

const listing = z.object({ version: z.string(), tools: z.array(z.string()) })

/** Servers that are being installed, or were found installed. */
export interface ServerInstallation {
  /** Waits for all; each that works takes the place of its stand-in. Returns what was arranged, and the tools of the real ones by server. */
  readonly finish: (context: Pick<StepContext, 'signal' | 'fact'>) => Promise<{ readonly adaptations: readonly Adaptation[]; readonly tools: ReadonlyMap<string, readonly string[]> }>
}

type Outcome = { readonly directory: string; readonly version: string; readonly tools: readonly string[] } | { readonly why: string }
type Starter = Pick<StepContext, 'env' | 'start' | 'options'>

/**
 * Begins to install the servers that registries have, one after another and each once per cache; a server is installed
 * when it has listed its tools. What fails stays a stand-in, and what it said is the reason.
 * @param environment what the stack gives its servers beside the sandbox's own
 */
export function beginServers(context: Starter, places: Places, environment: Readonly<Record<string, string>>, servers: readonly RegistryServer[] = registryServers): ServerInstallation {
  const { bundleServers } = optionsOf(context.options)
  const outcomes = (async () => {
    const all = new Map<RegistryServer, Outcome>()
    for (const one of servers) {
      const why = bundleServers === 'stand-in' ? 'the option says SMOKE_BUNDLE_SERVERS=stand-in' : bundleServers === 'registry' ? one.heavy : undefined
      all.set(one, why !== undefined ? { why } : await provide(context, places, environment, one).catch((error: unknown) => ({ why: reasonOf(error) })))
    }
    return all
  })()
  // Whoever waits for it is told; a step that fails before must not leave an error that nobody hears.
  outcomes.catch(() => undefined)
  return {
    finish: async ({ signal, fact }) => {
      const adaptations: Adaptation[] = []
      const tools = new Map<string, readonly string[]>()
      const versions: string[] = []
      for (const [one, outcome] of await untilAborted(outcomes, signal)) {
        const { server, program, registry, differs } = one
        if ('why' in outcome) {
          adaptations.push({ what: `server ${server} is a stand-in that offers the tools its catalog names`, why: `${one.package} of ${registry} is not used: ${outcome.why}` })
          continue
        }
        const { directory, version } = outcome
        writeLauncher(places, program, commandOf(one, directory))
        tools.set(server, outcome.tools)
        versions.push(`${program} ${version}`)
        if (differs !== undefined) adaptations.push({ what: `server ${server} is ${program} ${version} of ${registry}`, why: differs })
      }
      fact('stelae.servers', versions.join(', ') || 'stand-ins')
      return { adaptations, tools }
    },
  }
}

/** Installs a server, or finds it. @throws Error whose message is what a person should read */
async function provide(context: Starter, places: Places, environment: Readonly<Record<string, string>>, one: RegistryServer): Promise<Outcome> {
  const { env, options } = context
  const cache = join(cacheDirectory(env), 'stelae-servers')
  const python = one.registry === 'npm' ? undefined : newestEnough(one, optionsOf(options).pythonBin ?? 'python3')
  const requirements = one.requirements ?? [one.package]
  const key = keyOf([one.registry, ...requirements, python?.file ?? process.execPath, python?.version ?? process.version])
  if (!existsSync(join(cache, key)) && one.needs !== undefined) await expectReachable(one.needs)
  const { directory } = await madeOnce(cache, key, async (directory) => {
    if (python === undefined) await command(context, places, one, 'npm', ['install', '--prefix', directory, '--no-audit', '--no-fund', '--no-progress', ...requirements])
    else {
      await command(context, places, one, python.file, ['-m', 'venv', directory])
      await command(context, places, one, join(directory, 'bin/python3'), ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', '--progress-bar', 'off', '--compile', ...requirements])
    }
    const tools = await toolsOf(one, commandOf(one, directory), { ...env, ...environment, ...one.env?.(directory) }, places.apps)
    const version = python === undefined
      ? z.object({ version: z.string() }).parse(JSON.parse(readFileSync(join(directory, 'node_modules', one.package, 'package.json'), 'utf8'))).version
      : (await command(context, places, one, join(directory, 'bin/python3'), ['-c', `from importlib.metadata import version; print(version('${one.package}'))`])).at(-1)
    writeFileSync(join(directory, 'tools.json'), JSON.stringify({ version, tools }))
  })
  return { directory, ...listing.parse(JSON.parse(readFileSync(join(directory, 'tools.json'), 'utf8'))) }
}

/** How an installed server is started, without its arguments. */
function commandOf({ registry, program, env, without }: RegistryServer, directory: string): string[] {
  const { FASTEMBED_CACHE_PATH: models } = env?.(directory) ?? {}
  const own = [...(without === undefined ? [] : ['-u', without]), ...(models === undefined ? [] : [`FASTEMBED_CACHE_PATH=${models}`])]
  const file = registry === 'npm' ? join(directory, 'node_modules/.bin', program) : join(directory, 'bin', program)
  return [...(own.length > 0 ? ['env', ...own] : []), file]
}

/** The first Python that a package takes: Stelae's, one on PATH, one of pyenv. @throws Error when none is new enough */
function newestEnough({ package: name, python3 = 11 }: RegistryServer, own: string): { file: string; version: string } {
  const pyenv = join(process.env.PYENV_ROOT ?? join(process.env.HOME ?? '', '.pyenv'), 'versions')
  const more = existsSync(pyenv) ? readdirSync(pyenv).toSorted().map((version) => join(pyenv, version, 'bin/python3')) : []
  for (const program of [own, 'python3.12', 'python3.13', ...more]) {
    try {
      const python = hostPython(program, process.env)
      if (Number(python.version.split('.')[1]) >= python3) return python
    } catch {
      // The next one may do.
    }
  }
  throw new Error(`${name} needs Python 3.${python3} or newer, and none was found: SMOKE_PYTHON_BIN=<file> names one`)
}

/** @throws Error when nothing answers there within three seconds */
async function expectReachable(url: string): Promise<void> {
  await fetch(url, { method: 'HEAD', signal: AbortSignal.timeout(3000) }).catch((error: unknown) => {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error)
    throw new Error(`it downloads a model from ${new URL(url).host} at its first start, which does not answer: ${cause}`)
  })
}

async function command({ start }: Starter, { apps }: Places, one: RegistryServer, file: string, args: readonly string[]): Promise<readonly string[]> {
  const errors: string[] = []
  const { ended } = await start({ name: `server-${one.server}`, file, args, cwd: apps, onLine: (line) => { if (/error/i.test(line) && !line.includes('A complete log of this run')) errors.push(line) } })
  const { exitCode, lastLines } = await ended
  if (exitCode !== 0) throw new Error(`\`${[basename(file), ...args.filter((word) => !word.startsWith('/')).slice(0, 3)].join(' ')}\` exited with ${String(exitCode)}: ${(errors.length > 0 ? errors : lastLines).slice(-4).map((line) => excerpt(line, 160)).join('; ') || 'no output'}`)
  return lastLines
}

/** Starts a server and asks for its tools. Milliseconds it may take until it answers: 180000; basic-memory makes a database first, and a machine may be busy. */
async function toolsOf({ program, args }: RegistryServer, [file = '', ...before]: readonly string[], env: Readonly<Record<string, string>>, cwd: string): Promise<string[]> {
  const client = new Client({ name: clientName, version: '1' })
  const transport = new StdioClientTransport({ command: file, args: [...before, ...args], env: { ...env }, cwd, stderr: 'pipe' })
  let said = ''
  transport.stderr?.on('data', (chunk) => { said = excerptOfEnd(`${said}${String(chunk)}`, 2000) })
  try {
    await client.connect(transport, { timeout: 180_000 })
    const { tools } = await client.listTools({}, { timeout: 180_000 })
    return tools.map(({ name }) => name)
  } catch (error) {
    throw new Error(`${program} was installed, but does not list its tools: ${said.trim().split('\n').at(-1) ?? ''} (${reasonOf(error)})`, { cause: error })
  } finally {
    await client.close()
  }
}

const reasonOf = (error: unknown): string => error instanceof Error ? error.message : String(error)
