import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { dedupeSchema } from './dedupe.mjs'
import { StackError } from './environment.mjs'
import { readJson, readJsonOr, toJson, writeText } from './files.mjs'
import { placeholders } from './launch.mjs'

/** Renders template, overlay and overrides into what the proxy reads, and writes down which tools should then be live. */
export function render(places) {
  const rendered = renderConfig(places)
  const files = [
    [places.rendered, toJson(rendered)],
    [places.toolOverrides, toJson(rendered.overrides)],
    [places.intendedCatalog, toJson({ tools: intendedTools(rendered, places) })],
  ]
  const changed = files.filter(([file, text]) => writeText(file, text)).map(([file]) => file)
  return { rendered, changed }
}

/** The configuration as it would be written. */
export function renderConfig(places) {
  const names = placeholders(places)
  const template = readFileSync(join(places.stackDir, 'config/proxy.template.json'), 'utf8')
    // Values stand inside JSON strings, so they are escaped as such.
    .replaceAll(/\{\{(\w+)\}\}/g, (whole, name) => (names[name] === undefined ? whole : JSON.stringify(names[name]).slice(1, -1)))
  const left = /\{\{\w+\}\}/.exec(template)
  if (left) throw new StackError(`config/proxy.template.json has a placeholder that nothing fills: ${left[0]}`)
  const base = JSON.parse(template)
  const { servers } = readJsonOr(places.overlay, { servers: {} })
  const config = {
    ...base,
    servers: { ...base.servers, ...servers },
    aggregates: dedupeSchema(readJson(join(places.stackDir, 'config/aggregates.json'))),
    overrides: dedupeSchema(mergeOverrides(readJson(join(places.stackDir, 'config/tool_overrides.json')), readJsonOr(places.localOverrides, {}))),
  }
  return { ...config, revision: createHash('sha256').update(JSON.stringify(config)).digest('hex').slice(0, 12) }
}

/** Local overrides win, tool by tool and key by key. */
const mergeOverrides = (tracked, local) =>
  Object.fromEntries([...new Set([...Object.keys(tracked), ...Object.keys(local)])].map((tool) => [tool, { ...tracked[tool], ...local[tool] }]))

/** Names of the tools that should be live with this configuration, sorted. */
export function intendedTools({ servers, aggregates }, places) {
  const own = Object.entries(servers).flatMap(([name, { publish }]) => {
    if (name === 'manage') return ['manage_stack']
    if (publish === 'none') return []
    return cachedTools(name, places).map((tool) => (publish === 'prefixed' ? `${name}__${tool}` : tool))
  })
  const combined = aggregates
    .filter(({ routes }) => Object.values(routes).some(({ server }) => servers[server]))
    .map(({ name }) => name)
  return [...new Set([...own, ...combined])].sort()
}

function cachedTools(name, places) {
  const tools = readJsonOr(places.cacheOf(name), undefined)
  if (tools) return tools.map((tool) => tool.name)
  throw new StackError(`nobody knows the tools of ${name}: ${places.cacheOf(name)} is missing; run node scripts/install-bundle.mjs, or install ${name} again with force`)
}
