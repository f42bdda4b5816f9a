import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { fail } from '../../harness/verdict.ts'
import type { CatalogDifference } from './catalog.ts'
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

/** Bundle and core servers whose program is named by the environment file or found on PATH: program in the sandbox, and why. */
const standIns: Readonly<Record<string, { program: string; why: string }>> = {
  one_mcp: { program: 'one-mcp', why: 'its repository is on GitHub only, and it asks the internet' },
  mem: { program: 'basic-memory', why: 'basic-memory is heavy, and writes into the home of its user' },
  scrapling: { program: 'uvx', why: 'scrapling-fetch-mcp downloads a browser at its first use' },
  strata: { program: 'strata', why: 'it is a front of services on the internet' },
  sh: { program: 'stelae-npx', why: 'the bundle pins mcp-server-commands@0.6.0, which no registry has' },
}

const script = (command: readonly string[]): string => `#!/bin/sh\nexec ${command.map((word) => `'${word}'`).join(' ')} "$@"\n`

const serverFile = (): string => fileURLToPath(new URL('stand-ins/server.mjs', import.meta.url))

/** The command of a stand-in that offers these tools. */
export function standInCommand(places: Pick<Places, 'standIns'>, server: string, tools: readonly OfferedTool[]): string[] {
  mkdirSync(places.standIns, { recursive: true })
  const file = join(places.standIns, `${server}.json`)
  writeFileSync(file, `${JSON.stringify({ server, tools: tools.length > 0 ? tools : [{ name: `${server}_stand_in`, description: 'a stand-in', inputSchema: { type: 'object' } }] }, null, 2)}\n`)
  return [process.execPath, serverFile(), file]
}

/** Writes down what each stand-in offers, from what is known of its server by now. Returns their commands by server. */
export function writeStandIns(places: Places, more: readonly string[] = []): Map<string, string[]> {
  const tools = toolsByServer(catalogsOf(places))
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
 * Puts the programs of the sandbox into its bin directory: pm2, the servers that registries have, and stand-ins for
 * those that cannot be had. Returns what was arranged.
 */
export function writePrograms(places: Places): Adaptation[] {
  mkdirSync(places.bin, { recursive: true })
  const program = (name: string, text: string): void => { writeFileSync(join(places.bin, name), text, { mode: 0o755 }) }
  program('pm2', script([process.execPath, pm2Program()]))
  const filesystem = join(packagesFolder(), '@modelcontextprotocol/server-filesystem/dist/index.js')
  // The bundle's flags are those of rust-mcp-filesystem: this server takes directories alone.
  program('rust-mcp-filesystem', `#!/bin/sh\nfor one do shift; case $one in -*) ;; *) set -- "$@" "$one" ;; esac; done\nexec '${process.execPath}' '${filesystem}' "$@"\n`)
  // Takes no flags at all; it looks for the paths that it is asked about.
  program('mcp-grep-server', `#!/bin/sh\nexec '${places.python}' -m mcp_grep.server\n`)
  program('mcp-server-fetch', script([places.python, '-m', 'mcp_server_fetch']))
  const commands = writeStandIns(places)
  for (const [server, { program: name }] of Object.entries(standIns)) program(name, script(commands.get(server) ?? []))
  return [
    { what: 'server fs is @modelcontextprotocol/server-filesystem of npm (FILESYSTEM_BIN)', why: 'newer releases of rust-mcp-filesystem have no read_file, which workspace_fs_read passes on' },
    ...Object.entries(standIns).map(([server, { why }]) => ({ what: `server ${server} is a stand-in that offers the tools the catalog names`, why })),
  ]
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

/** Tools of the npm file server that rust-mcp-filesystem has under another name: no catalog of Stelae's knows them. */
const unknownToCatalogs = [{ server: 'fs', tool: 'read_multiple_files' }]

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
 */
export function catalogFragment(intended: Pick<CatalogDifference, 'hidden' | 'notObeyed'>): { readonly text: string; readonly adaptations: readonly Adaptation[] } {
  const { hidden, notObeyed } = intended
  const off = Object.fromEntries([...new Set(hidden.map(({ server }) => server))].map((server) => [
    server, { tools: Object.fromEntries(hidden.filter((one) => one.server === server).map(({ tool }) => [tool, { enabled: false }])) },
  ]))
  const hideTools = [...notObeyed, ...unknownToCatalogs].map((one) => ({ ...one, reason: 'clone-smoke' }))
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
      { what: `${names(unknownToCatalogs)} hidden by the same fragment`, why: 'the file server of npm has it, and no catalog names it' },
    ],
  }
}

/** Makes the server known that the agent is to install. */
export function offerServerToInstall(places: Pick<Places, 'discovered' | 'standIns'>): Adaptation {
  const { name, tool } = serverToInstall
  const [command = '', ...args] = standInCommand(places, name, [{ name: tool, description: 'answers with what it was asked', inputSchema: { type: 'object', properties: { message: { type: 'string' } } } }])
  const known = existsSync(places.discovered) ? z.array(z.unknown()).catch([]).parse(JSON.parse(readFileSync(places.discovered, 'utf8'))) : []
  const entry = { name, transport: 'stdio', command, args, description: 'a small server of clone-smoke', source: 'clone-smoke', tools: [{ name: tool }] }
  mkdirSync(dirname(places.discovered), { recursive: true })
  writeFileSync(places.discovered, `${JSON.stringify([...known, entry], null, 2)}\n`)
  return { what: `${name} is in discovered_servers.json and is installed in place of qdrant`, why: 'setup_env.py leaves that list empty, and qdrant downloads a model at its start' }
}

/** @throws VerdictError when the rendered configuration does not name the sandbox's port */
export function expectRenderedPort(file: string, port: number): void {
  const { addr } = z.object({ mcpProxy: z.object({ addr: z.string() }) }).parse(JSON.parse(readFileSync(file, 'utf8'))).mcpProxy
  if (addr.endsWith(`:${port}`)) return
  throw fail('port-mismatch', `the sandbox's port is ${port}, and the rendered proxy.json says ${JSON.stringify(addr)}`, {
    evidence: [file], remedy: 'use the placeholder {{PROXY_PORT}} in config/proxy.template.json',
  })
}
