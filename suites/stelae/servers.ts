import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { fail } from '../../harness/verdict.ts'
import type { CatalogDifference, NamedTool } from './catalog.ts'
import { packagesFolder, pm2Program } from '../../helpers/packages.ts'
import type { Places } from './places.ts'
import { serverToInstall } from './states.ts'

/** What a run arranges so that the stack can come up without the internet, and why. Never by a change of the clone. */
export interface Adaptation {
  readonly what: string
  readonly why: string
}

const json = z.record(z.string(), z.unknown())
const override = z.object({ description: z.string(), inputSchema: json }).partial().catch({})
const catalog = z.object({
  toolOverrides: z.object({ servers: z.record(z.string(), z.object({ tools: z.record(z.string(), override) }).partial().catch({})) }).partial().catch({}),
  toolAggregations: z.object({
    aggregations: z.array(z.object({ operations: z.array(z.object({ downstreamServer: z.string(), downstreamTool: z.string() }).partial()) }).partial()),
  }).partial().catch({}),
}).partial().catch({})

export interface OfferedTool {
  readonly name: string
  readonly description: string
  readonly inputSchema: Readonly<Record<string, unknown>>
}

/**
 * The tools of each server, as the checkout's own catalogs name them: what a stand-in must offer so that everything
 * that is built on it is there.
 */
export function toolsByServer(catalogs: readonly unknown[]): Map<string, OfferedTool[]> {
  const servers = new Map<string, Map<string, OfferedTool>>()
  const add = (server: string, name: string, known: z.infer<typeof override> = {}): void => {
    const tools = servers.get(server) ?? new Map<string, OfferedTool>()
    servers.set(server, tools)
    if (tools.has(name)) return
    // Older proxies want an object schema, and a catalog may leave it out.
    const inputSchema = known.inputSchema?.type === 'object' ? known.inputSchema : { type: 'object' }
    tools.set(name, { name, description: known.description ?? `${name} of ${server}`, inputSchema })
  }
  for (const one of catalogs) {
    const { toolOverrides, toolAggregations } = catalog.parse(one)
    for (const [server, { tools }] of Object.entries(toolOverrides?.servers ?? {})) {
      for (const [name, known] of Object.entries(tools ?? {})) if (name !== '*') add(server, name, known)
    }
    for (const { operations } of toolAggregations?.aggregations ?? []) {
      for (const { downstreamServer, downstreamTool } of operations ?? []) {
        if (downstreamServer !== undefined && downstreamTool !== undefined) add(downstreamServer, downstreamTool)
      }
    }
  }
  return new Map([...servers].map(([server, tools]) => [server, [...tools.values()]]))
}

/** Servers that begin as a stand-in: their program in the sandbox. Those that a registry has replace it later. */
const standIns: Readonly<Record<string, string>> = {
  one_mcp: 'one-mcp', mem: 'basic-memory', scrapling: 'scrapling-fetch-mcp', strata: 'strata', sh: 'mcp-server-commands', qdrant: 'mcp-server-qdrant',
}

/** Why these stay what they are. */
const withoutPackage: readonly Adaptation[] = [
  {
    what: 'server one_mcp is a stand-in that offers the tools the catalog names',
    why: 'its repository is on GitHub alone: npm and PyPI have no package of its name ("404 Not Found", "No matching distribution found for 1mcpserver")',
  },
  {
    what: 'server fs is @modelcontextprotocol/server-filesystem of npm (FILESYSTEM_BIN)',
    why: 'no rust-mcp-filesystem that the crate registry still has (0.4.1 and newer; "could not find `rust-mcp-filesystem@0.3`") offers read_file, which workspace_fs_read passes on',
  },
]

/** Writes the launcher of a program: it replaces itself by the command, with the arguments that it got. */
export function writeLauncher({ bin }: Pick<Places, 'bin'>, name: string, command: readonly string[]): void {
  mkdirSync(bin, { recursive: true })
  writeFileSync(join(bin, name), `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`, { mode: 0o755 })
}

const serverFile = (): string => fileURLToPath(new URL('stand-ins/server.mjs', import.meta.url))

/** The command of a stand-in that offers these tools. */
export function standInCommand(places: Pick<Places, 'standIns'>, server: string, tools: readonly OfferedTool[]): string[] {
  mkdirSync(places.standIns, { recursive: true })
  const file = join(places.standIns, `${server}.json`)
  writeFileSync(file, `${JSON.stringify({ server, tools: tools.length > 0 ? tools : [{ name: `${server}_stand_in`, description: 'a stand-in', inputSchema: { type: 'object' } }] }, null, 2)}\n`)
  return [process.execPath, serverFile(), file]
}

/** What the server to install offers; the names and arguments are those of mcp-server-qdrant. */
const toolsToInstall = {
  [serverToInstall.store]: { description: 'keeps a text', inputSchema: { type: 'object', properties: { information: { type: 'string' } }, required: ['information'] } },
  [serverToInstall.find]: { description: 'finds a text', inputSchema: { type: 'object', properties: { query: { type: 'string' } }, required: ['query'] } },
}

/** Writes down what each stand-in offers, from what is known of its server by now. Returns their commands by server. */
export function writeStandIns(places: Places, more: readonly string[] = []): Map<string, string[]> {
  const tools = toolsByServer([...catalogsOf(places), { toolOverrides: { servers: { [serverToInstall.name]: { tools: toolsToInstall } } } }])
  return new Map([...Object.keys(standIns), ...more].map((server) => [server, standInCommand(places, server, tools.get(server) ?? [])]))
}

/** Reads all catalogs of a clone and its config home that are there. */
export function catalogsOf({ stelae, configHome, stateHome }: Pick<Places, 'stelae' | 'configHome' | 'stateHome'>): unknown[] {
  const files = [join(stelae, 'bundles/starter/catalog.json'), join(configHome, 'catalog/core.json'), join(configHome, 'tool_aggregations.json')]
  const read = (file: string): unknown => existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) as unknown : {}
  // What was rendered holds Stelae's own defaults as well, which stand in no file.
  const rendered = z.object({ catalog: z.unknown() }).partial().catch({}).parse(read(join(stateHome, 'intended_catalog.json')))
  return [...files.map(read), rendered.catalog]
}

/**
 * Puts the programs of the sandbox into its bin directory: pm2, the servers that are there already, and stand-ins for
 * the others. Returns what was arranged.
 */
export function writePrograms(places: Places): Adaptation[] {
  const program = (name: string, lines: readonly string[]): void => { writeFileSync(join(places.bin, name), `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 }) }
  writeLauncher(places, 'pm2', [process.execPath, pm2Program()])
  const filesystem = join(packagesFolder(), '@modelcontextprotocol/server-filesystem/dist/index.js')
  // The bundle's flags are those of rust-mcp-filesystem: this server takes directories alone.
  program('rust-mcp-filesystem', ['for one do shift; case $one in -*) ;; *) set -- "$@" "$one" ;; esac; done', `exec '${process.execPath}' '${filesystem}' "$@"`])
  // Takes no flags at all; it looks for the paths that it is asked about.
  program('mcp-grep-server', [`exec '${places.python}' -m mcp_grep.server`])
  writeLauncher(places, 'mcp-server-fetch', [places.python, '-m', 'mcp_server_fetch'])
  // `uvx <package> ...` and `npx --yes <package>@<version> ...`: the program of that name in the sandbox.
  program('uvx', ['name=$1; shift', `exec '${places.bin}'/"$name" "$@"`])
  program('stelae-npx', ['while case $1 in -*) ;; *) false ;; esac do shift; done', 'name=${1%@*}; shift', `exec '${places.bin}'/"$name" "$@"`])
  const commands = writeStandIns(places)
  for (const [server, name] of Object.entries(standIns)) writeLauncher(places, name, commands.get(server) ?? [])
  return [...withoutPackage, {
    what: 'uvx and npx run what was installed for the sandbox before', why: 'both ask their registry at every start, and the stack starts four times in a run',
  }]
}

const proxyConfig = z.object({ mcpServers: z.record(z.string(), z.object({ command: z.string(), url: z.string(), args: z.array(z.string()), env: z.record(z.string(), z.string()) }).partial()) })

/** One server of a rendered configuration; empty when it is not there. */
export function serverIn(file: string, server: string): { command?: string | undefined; args?: readonly string[] | undefined; env?: Readonly<Record<string, string>> | undefined } {
  return proxyConfig.parse(JSON.parse(readFileSync(file, 'utf8'))).mcpServers[server] ?? {}
}

/** Names of the servers in a rendered proxy configuration. @throws Error when the file has none */
export function serversIn(file: string): string[] {
  return Object.keys(proxyConfig.parse(JSON.parse(readFileSync(file, 'utf8'))).mcpServers)
}

/** Servers of a rendered configuration that cannot work in a sandbox without the internet, with the reason. */
export function unreachableServers(rendered: unknown, isProgram: (command: string) => boolean): { server: string; why: string }[] {
  return Object.entries(proxyConfig.parse(rendered).mcpServers).flatMap(([server, { command, url }]) => {
    if (command !== undefined) return isProgram(command) ? [] : [{ server, why: `its program ${command} is not on this machine, and a server that does not start ends the proxy (panicIfInvalid)` }]
    const host = url === undefined ? '' : new URL(url).hostname
    return ['127.0.0.1', 'localhost', '::1', ''].includes(host) ? [] : [{ server, why: `it is on the internet (${host}), and a server that does not answer ends the proxy (panicIfInvalid)` }]
  })
}

/** Adds servers to the overlay of the config home, which Stelae merges over its template; what is in it stays. */
export function overlayServers(file: string, servers: Readonly<Record<string, { command: string; args: readonly string[] }>>): void {
  const before = existsSync(file) ? json.parse(JSON.parse(readFileSync(file, 'utf8'))) : {}
  const known = json.catch({}).parse(before.mcpServers)
  const merged = Object.fromEntries(Object.entries(servers).map(([name, entry]) => [name, { ...json.catch({}).parse(known[name]), ...entry }]))
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, `${JSON.stringify({ ...before, mcpServers: { ...known, ...merged } }, null, 2)}\n`)
}

/** Gives the aggregated tools the sandbox's proxy; undefined when the file names no other. */
export function pointAggregationsAt(file: string, proxyBase: string): Adaptation | undefined {
  if (!existsSync(file)) return undefined
  const content = json.parse(JSON.parse(readFileSync(file, 'utf8')))
  if (typeof content.proxyURL !== 'string' || content.proxyURL === proxyBase) return undefined
  writeFileSync(file, `${JSON.stringify({ ...content, proxyURL: proxyBase }, null, 2)}\n`)
  return { what: `proxyURL of the config home's tool_aggregations.json is ${proxyBase}`, why: `Stelae writes ${content.proxyURL} there, and aggregated tools would ask whoever listens on it` }
}

/** A tool of the npm file server that rust-mcp-filesystem has under another name. */
const toolsOfNpmFiles = [{ server: 'fs', tool: 'read_multiple_files' }]

/** Tools that real servers offer and no catalog of the checkout knows: they would be live, and nobody intends them. */
export function unknownTools(offered: ReadonlyMap<string, readonly string[]>, catalogs: readonly unknown[]): NamedTool[] {
  const known = toolsByServer(catalogs)
  return [...toolsOfNpmFiles, ...[...offered].flatMap(([server, tools]) =>
    tools.filter((tool) => known.get(server)?.some(({ name }) => name === tool) !== true).map((tool) => ({ server, tool })))]
}

/** A tool in the config home's custom_tools.json. */
const customTool = { name: 'clone_smoke_custom', description: 'says that custom tools work', command: 'echo', args: ['custom tools work'], inputMode: 'none' }

/** Gives the server of custom tools one to serve; undefined when it has some. */
export function addCustomTool(file: string): Adaptation | undefined {
  const { tools } = z.object({ tools: z.array(z.unknown()) }).catch({ tools: [] }).parse(existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {})
  if (tools.length > 0) return undefined
  writeFileSync(file, `${JSON.stringify({ tools: [customTool] }, null, 2)}\n`)
  return {
    what: `custom_tools.json has one tool, ${customTool.name}`,
    why: "without any, custom_tools_server.py ends with \"'FastMCP' object has no attribute 'logger'\", and the proxy waits for it for ever",
  }
}

/**
 * A catalog fragment of the config home that makes Stelae's intention and its proxy's behaviour agree where they never
 * can: the proxy cannot read the intended catalog, and obeys the runtime overrides alone.
 * @param intended what the catalog says
 * @param unknown tools that no catalog names
 */
export function catalogFragment(intended: Pick<CatalogDifference, 'hidden' | 'notObeyed'>, unknown: readonly NamedTool[]): { readonly text: string; readonly adaptations: readonly Adaptation[] } {
  const { hidden, notObeyed } = intended
  const off = Object.fromEntries([...new Set(hidden.map(({ server }) => server))].map((server) => [
    server, { tools: Object.fromEntries(hidden.filter((one) => one.server === server).map(({ tool }) => [tool, { enabled: false }])) },
  ]))
  const hideTools = [...notObeyed, ...unknown].map((one) => ({ ...one, reason: 'clone-smoke' }))
  const fragment = {
    toolOverrides: { servers: { ...off, custom: { enabled: true, tools: { [customTool.name]: { enabled: true, description: customTool.description } } } } },
    hideTools,
  }
  const names = (tools: readonly { server: string; tool: string }[]): string => tools.map(({ server, tool }) => `${server}/${tool}`).join(', ')
  return {
    text: `${JSON.stringify(fragment, null, 2)}\n`,
    adaptations: [
      ...(notObeyed.length > 0 ? [{ what: `${names(notObeyed)} hidden by a catalog fragment of the config home`, why: 'the catalog switches them off, and the proxy cannot read it ("catalog contains no tools"): they would be live' }] : []),
      ...(hidden.length > 0 ? [{ what: `${names(hidden)} switched off by the same fragment`, why: 'the catalog leaves them on, and aggregated tools hide them: the check for drift would miss them for ever' }] : []),
      ...(unknown.length > 0 ? [{ what: `${names(unknown)} hidden by the same fragment`, why: 'the servers that registries have offer them, and no catalog names them' }] : []),
    ],
  }
}

/** Makes a server known to the integrator; an entry of that name is replaced. */
export function offerServer({ discovered }: Pick<Places, 'discovered'>, entry: { readonly name: string } & Readonly<Record<string, unknown>>): void {
  const known = existsSync(discovered) ? z.array(z.looseObject({ name: z.string() })).catch([]).parse(JSON.parse(readFileSync(discovered, 'utf8'))) : []
  mkdirSync(dirname(discovered), { recursive: true })
  writeFileSync(discovered, `${JSON.stringify([...known.filter(({ name }) => name !== entry.name), entry], null, 2)}\n`)
}

/** @throws VerdictError when the rendered configuration does not name the sandbox's port */
export function expectRenderedPort(file: string, port: number): void {
  const { addr } = z.object({ mcpProxy: z.object({ addr: z.string() }) }).parse(JSON.parse(readFileSync(file, 'utf8'))).mcpProxy
  if (addr.endsWith(`:${port}`)) return
  throw fail('port-mismatch', `the sandbox's port is ${port}, and the rendered proxy.json says ${JSON.stringify(addr)}`, {
    evidence: [file], remedy: 'use the placeholder {{PROXY_PORT}} in config/proxy.template.json',
  })
}
