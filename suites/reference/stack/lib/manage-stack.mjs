import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { StackError } from './environment.mjs'
import { readJson, readJsonOr, toJson, writeText } from './files.mjs'
import { listToolsOf } from './handshake.mjs'
import { launchOf } from './launch.mjs'
import { liveTools } from './probe.mjs'
import { restartStack } from './restart.mjs'

export const manageStackTool = {
  name: 'manage_stack',
  description: 'Discovers, installs and removes the MCP servers of this stack',
  inputSchema: {
    type: 'object',
    properties: {
      operation: { type: 'string', enum: ['discover_servers', 'list_discovered_servers', 'install_server', 'remove_server', 'run_reconciler'] },
      params: {
        type: 'object',
        description: 'discover_servers: query, tags, limit. install_server: name, target_name, force. remove_server: name. All: dry_run',
      },
    },
    required: ['operation'],
  },
  annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
}

const operations = {
  discover_servers: discover,
  list_discovered_servers: (_, places) => ({ message: 'servers that can be installed', servers: describeCatalog(places) }),
  install_server: install,
  remove_server: remove,
  run_reconciler: reconcile,
}

/** Runs one operation. Business errors come back as `status: "error"`; only faults of this program are thrown. */
export async function manageStack({ operation, params = {} }, places, log = () => undefined) {
  try {
    const work = operations[operation]
    if (!work) throw new StackError(`operation must be one of ${Object.keys(operations).join(', ')}; it is ${JSON.stringify(operation)}`)
    return { status: 'ok', operation, files_updated: [], ...(await work(params, places, log)) }
  } catch (error) {
    return { status: 'error', operation, message: error.message, files_updated: [] }
  }
}

/** The answer as an MCP tool result: JSON text, the same as structured content, and `isError` for business errors. */
export const asToolResult = (answer) => ({
  content: [{ type: 'text', text: JSON.stringify(answer) }],
  structuredContent: answer,
  ...(answer.status === 'error' && { isError: true }),
})

const catalogOf = (places) => readJson(join(places.stackDir, 'config/catalog.json')).servers
const overlayOf = (places) => readJsonOr(places.overlay, { servers: {} })

function describeCatalog(places) {
  const installed = Object.entries(overlayOf(places).servers)
  return Object.entries(catalogOf(places)).map(([name, { description, tags }]) => ({
    name, description, tags, installed_as: installed.filter(([, { from }]) => from === name).map(([alias]) => alias),
  }))
}

function discover({ query = '', tags = [], limit = 10 }, places) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean)
  const found = describeCatalog(places).filter((server) => {
    const text = `${server.name} ${server.description} ${server.tags.join(' ')}`.toLowerCase()
    return words.every((word) => text.includes(word)) && tags.every((tag) => server.tags.includes(tag))
  })
  return { message: `${found.length} servers match`, servers: found.slice(0, limit) }
}

async function install({ name, target_name: alias = name, force = false, dry_run: dryRun = false }, places, log) {
  const descriptor = catalogOf(places)[name]
  if (!descriptor) throw new StackError(`there is no server ${JSON.stringify(name)} in config/catalog.json; there are ${Object.keys(catalogOf(places)).join(', ')}`)
  if (!/^[a-z][a-z0-9_]*$/.test(alias)) throw new StackError(`target_name must be lower case letters, digits and _, beginning with a letter; it is ${JSON.stringify(alias)}`)
  const overlay = overlayOf(places)
  if (overlay.servers[alias] && !force) throw new StackError(`${alias} is installed already; pass force: true to replace it`)
  const launch = launchOf(name, descriptor, places)
  const next = withServer(overlay, alias, { from: name, ...launch })
  if (dryRun) return { message: `would install ${name} as ${alias}`, files_updated: [{ path: places.overlay, dryRun: true }] }

  const tools = await listToolsOf(name, launch)
  log(`[install] ${name} answers with ${tools.length} tools`)
  writeText(join(places.toolCache, `${alias}.json`), toJson(tools))
  writeText(places.overlay, toJson(next))
  const live = await restartOrUndo(places, overlay, alias, log)
  const published = tools.map((tool) => `${alias}__${tool.name}`)
  const missing = published.filter((tool) => !live.includes(tool))
  if (missing.length > 0) throw new StackError(`${alias} is installed, but these tools are not live: ${missing.join(', ')}`)
  return { message: `installed ${name} as ${alias}`, tools: published, files_updated: [{ path: places.overlay }] }
}

async function remove({ name, dry_run: dryRun = false }, places, log) {
  const overlay = overlayOf(places)
  if (!overlay.servers[name]) throw new StackError(`${JSON.stringify(name)} is not installed; installed are ${Object.keys(overlay.servers).join(', ') || 'none'}`)
  if (dryRun) return { message: `would remove ${name}`, files_updated: [{ path: places.overlay, dryRun: true }] }
  const servers = Object.fromEntries(Object.entries(overlay.servers).filter(([installed]) => installed !== name))
  writeText(places.overlay, toJson({ ...overlay, servers }))
  rmSync(join(places.toolCache, `${name}.json`), { force: true })
  const live = await restartStack(places, { log })
  const left = live.filter((tool) => tool.startsWith(`${name}__`))
  if (left.length > 0) throw new StackError(`${name} is removed, but these tools are still live: ${left.join(', ')}`)
  return { message: `removed ${name}`, files_updated: [{ path: places.overlay }] }
}

async function reconcile({ dry_run: dryRun = false }, places, log) {
  const intended = readJson(places.intendedCatalog).tools
  const drift = differences(intended, await liveTools(places.url))
  if (drift.missing.length + drift.extra.length === 0) return { message: 'the live catalog is the intended one', drift }
  if (dryRun) return { message: 'the live catalog has drifted', drift }
  const live = await restartStack(places, { log })
  return { message: 'restarted the stack to mend a drift', drift, after: differences(readJson(places.intendedCatalog).tools, live) }
}

export const differences = (intended, live) => ({
  missing: intended.filter((tool) => !live.includes(tool)),
  extra: live.filter((tool) => !intended.includes(tool)),
})

/** Keys in order of their names: the file does not depend on the order of what was installed. */
export const withServer = (overlay, name, server) => ({
  ...overlay,
  servers: Object.fromEntries(Object.entries({ ...overlay.servers, [name]: server }).sort(([a], [b]) => (a < b ? -1 : 1))),
})

async function restartOrUndo(places, before, alias, log) {
  try {
    return await restartStack(places, { log })
  } catch (error) {
    writeText(places.overlay, toJson(before))
    if (!before.servers[alias]) rmSync(join(places.toolCache, `${alias}.json`), { force: true })
    throw error
  }
}
