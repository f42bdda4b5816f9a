import { rmSync } from 'node:fs'
import { StackError } from './environment.mjs'
import { keepFiles, readJson, readJsonOr, toJson, writeText } from './files.mjs'
import { listToolsOf } from './handshake.mjs'
import { launchOf } from './launch.mjs'
import { checkArguments } from './manage-stack-tool.mjs'
import { liveTools } from './probe.mjs'
import { intendedTools, renderConfig } from './render.mjs'
import { restartStack } from './restart.mjs'

const operations = {
  discover_servers: discover,
  list_discovered_servers: (_, places) => ({ message: 'servers that can be installed', servers: describeCatalog(places) }),
  install_server: install,
  remove_server: remove,
  run_reconciler: reconcile,
}

let last = Promise.resolve()

/**
 * Runs one operation, after those that this process began before: two installations at once would lose one of them.
 * Nothing is thrown; what went wrong comes back as `status: "error"`.
 */
export function manageStack(call, places, log = () => undefined) {
  last = last.then(() => runOperation(call, places, log))
  return last
}

async function runOperation(call, places, log) {
  const { operation, params } = call
  try {
    checkArguments(call)
    return { status: 'ok', operation, files_updated: [], ...(await operations[operation](params ?? {}, places, log)) }
  } catch (error) {
    if (!(error instanceof StackError)) log(error.stack)
    return { status: 'error', operation, message: error.message, files_updated: [] }
  }
}

/** The answer as an MCP tool result: JSON text, the same as structured content, and `isError` for business errors. */
export const asToolResult = (answer) => ({
  content: [{ type: 'text', text: JSON.stringify(answer) }],
  structuredContent: answer,
  ...(answer.status === 'error' && { isError: true }),
})

const catalogOf = (places) => readJson(places.catalog).servers
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
  const catalog = catalogOf(places)
  if (!Object.hasOwn(catalog, name)) throw new StackError(`there is no server ${JSON.stringify(name)} in ${places.catalog}; there are ${Object.keys(catalog).join(', ')}`)
  if (!/^[a-z][a-z0-9_]*$/.test(alias) || alias.includes('__')) {
    throw new StackError(`target_name must be lower case letters, digits and single _, beginning with a letter; it is ${JSON.stringify(alias)}`)
  }
  const overlay = overlayOf(places)
  const taken = Object.hasOwn(overlay.servers, alias)
  if (!taken && Object.hasOwn(renderConfig(places).servers, alias)) throw new StackError(`${alias} is a server of the stack itself; choose another target_name`)
  if (taken && !force) throw new StackError(`${alias} is installed already; pass force: true to replace it`)
  const launch = launchOf(name, catalog[name], places)
  const next = withServer(overlay, alias, { from: name, ...launch })
  if (dryRun) return { message: `would install ${name} as ${alias}`, files_updated: filesOf(places, alias, { dryRun }) }

  const tools = await listToolsOf(name, launch)
  log(`[install] ${name} answers with ${tools.length} tools`)
  const putBack = keepFiles([places.overlay, places.cacheOf(alias)])
  const published = tools.map((tool) => `${alias}__${tool.name}`)
  try {
    writeText(places.cacheOf(alias), toJson(tools))
    writeText(places.overlay, toJson(next))
    const live = await restartStack(places, { log })
    const missing = published.filter((tool) => !live.includes(tool))
    if (missing.length > 0) throw new StackError(`the stack runs, but without these tools: ${missing.join(', ')}; see the log of the proxy in ${places.pm2Home}/logs`)
  } catch (error) {
    log(error.logs ?? '')
    putBack()
    const after = await restartStack(places, { log, timeoutMs: 30_000 }).then(() => 'the stack runs as before', (again) => `and it does not run without it either: ${again.message}`)
    throw new StackError(`${name} could not be installed as ${alias}: ${error.message}; ${after}`)
  }
  return { message: `installed ${name} as ${alias}`, tools: published, files_updated: filesOf(places, alias) }
}

async function remove({ name, dry_run: dryRun = false }, places, log) {
  const overlay = overlayOf(places)
  if (!Object.hasOwn(overlay.servers, name)) throw new StackError(`${JSON.stringify(name)} is not installed; installed are ${Object.keys(overlay.servers).join(', ') || 'none'}`)
  if (dryRun) return { message: `would remove ${name}`, files_updated: filesOf(places, name, { dryRun }) }
  const servers = Object.fromEntries(Object.entries(overlay.servers).filter(([installed]) => installed !== name))
  // Before the first installation there was no overlay.
  if (Object.keys(servers).length === 0) rmSync(places.overlay)
  else writeText(places.overlay, toJson({ ...overlay, servers }))
  rmSync(places.cacheOf(name), { force: true })
  const live = await restartStack(places, { log }).catch((error) => {
    log(error.logs ?? '')
    throw new StackError(`${name} is removed from ${places.overlay}, but the stack did not restart: ${error.message}; run node scripts/restart-stack.mjs`)
  })
  const left = live.filter((tool) => tool.startsWith(`${name}__`))
  if (left.length > 0) throw new StackError(`${name} is removed, but these tools are still live: ${left.join(', ')}`)
  return { message: `removed ${name}`, files_updated: filesOf(places, name) }
}

/** Compares what the overlay asks for with what is live, and restarts the stack when they differ. */
async function reconcile({ dry_run: dryRun = false }, places, log) {
  const intended = intendedTools(renderConfig(places), places)
  // A proxy that does not answer publishes nothing: everything is missing.
  const drift = differences(intended, await liveTools(places.url).catch(() => []))
  if (drift.missing.length + drift.extra.length === 0) return { message: 'the live catalog is the intended one', drift }
  if (dryRun) return { message: 'the live catalog has drifted; without dry_run the stack would be restarted', drift, files_updated: rendered(places, { dryRun }) }
  const after = differences(intended, await restartStack(places, { log }))
  if (after.missing.length + after.extra.length > 0) {
    throw new StackError(`the stack was restarted, and still the live catalog is not the intended one: ${tellDifferences(after)}; see the log of the proxy in ${places.pm2Home}/logs`)
  }
  return { message: 'restarted the stack; the live catalog is the intended one again', drift, files_updated: rendered(places) }
}

/** The files that change with a server, and those that are rendered from them. */
const filesOf = (places, alias, how) => [...[places.overlay, places.cacheOf(alias)].map((path) => ({ path, ...how })), ...rendered(places, how)]
const rendered = (places, how) => [places.rendered, places.intendedCatalog].map((path) => ({ path, ...how }))

export const differences = (intended, live) => ({
  missing: intended.filter((tool) => !live.includes(tool)),
  extra: live.filter((tool) => !intended.includes(tool)),
})

export const tellDifferences = ({ missing, extra }) =>
  [...missing.map((tool) => `missing ${tool}`), ...extra.map((tool) => `not intended ${tool}`)].join(', ')

/** Keys in order of their names: the file does not depend on the order of what was installed. */
export const withServer = (overlay, name, server) => ({
  ...overlay,
  servers: Object.fromEntries(Object.entries({ ...overlay.servers, [name]: server }).sort(([a], [b]) => (a < b ? -1 : 1))),
})
