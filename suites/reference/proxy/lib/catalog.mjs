/**
 * What the proxy publishes. A server's `publish` says how its own tools appear: `raw` (as they are), `prefixed`
 * (`<server>__<tool>`), or `none` (only through aggregates). An aggregate is one tool that routes by one argument.
 */
export function buildCatalog({ servers: configured, aggregates = [], overrides = {} }, running) {
  const byName = new Map(running.filter(({ state }) => state === 'ready').map((server) => [server.name, server]))
  const published = new Map()
  for (const [name, { publish = 'raw' }] of Object.entries(configured)) {
    if (publish === 'none') continue
    for (const tool of byName.get(name)?.tools ?? []) {
      const shown = publish === 'prefixed' ? `${name}__${tool.name}` : tool.name
      published.set(shown, { tool: { ...tool, ...overrides[shown], name: shown }, route: () => ({ server: byName.get(name), tool: tool.name }) })
    }
  }
  for (const { routes, routeBy, ...tool } of aggregates) {
    const usable = Object.entries(routes).filter(([, target]) => byName.get(target.server)?.tools.some(({ name }) => name === target.tool))
    // An aggregate with nothing behind it is not published: a tool on the list must be able to work.
    if (usable.length === 0) continue
    published.set(tool.name, { tool: { ...tool, ...overrides[tool.name], name: tool.name }, route: routeOf(tool.name, routeBy, routes, byName) })
  }
  return published
}

function routeOf(name, routeBy, routes, byName) {
  return (args) => {
    const target = routes[args?.[routeBy]]
    if (!target) throw new Error(`${name}: ${routeBy} must be one of ${Object.keys(routes).join(', ')}; it is ${JSON.stringify(args?.[routeBy])}`)
    const server = byName.get(target.server)
    if (!server) throw new Error(`${name}: server ${target.server} does not run`)
    return { server, tool: target.tool, arguments: Object.fromEntries(Object.entries(args).filter(([key]) => key !== routeBy)) }
  }
}
