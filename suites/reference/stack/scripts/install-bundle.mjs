import { join } from 'node:path'
import { loadEnvironment, main } from '../lib/environment.mjs'
import { readJson, readJsonOr, toJson, writeText } from '../lib/files.mjs'
import { listToolsOf } from '../lib/handshake.mjs'
import { launchOf } from '../lib/launch.mjs'
import { withServer } from '../lib/manage-stack.mjs'
import { restartStack } from '../lib/restart.mjs'

await main(async () => {
  const unknown = process.argv.slice(2).find((argument) => argument !== '--no-restart')
  if (unknown) {
    console.error(`unknown argument ${unknown}; usage: install-bundle.mjs [--no-restart]`)
    return 2
  }
  const places = loadEnvironment()
  const bundle = Object.entries(readJson(join(places.stackDir, 'config/bundle.json')).servers)
  let overlay = readJsonOr(places.overlay, { servers: {} })
  // All are started at once and reported in order: the slowest one sets the time, not the sum.
  const installs = bundle.map(([name, descriptor]) => {
    const startedAt = performance.now()
    const launch = launchOf(name, descriptor, places)
    const tools = listToolsOf(name, launch)
    tools.catch(() => undefined)
    return { name, launch, tools: tools.then((list) => ({ list, ms: Math.round(performance.now() - startedAt) })) }
  })
  for (const install of installs) install.tools.catch(() => undefined)
  for (const [index, { name, launch, tools }] of installs.entries()) {
    console.log(`[bundle] Installing ${name} (${index + 1}/${installs.length})`)
    const { list, ms } = await tools
    writeText(places.cacheOf(name), toJson(list))
    overlay = withServer(overlay, name, { from: name, ...launch })
    console.log(`[bundle] Installed ${name}: ${list.length} tools (${ms} ms)`)
  }
  console.log(`[bundle] ${writeText(places.overlay, toJson(overlay)) ? 'wrote' : 'unchanged:'} ${places.overlay}`)
  if (process.argv.includes('--no-restart')) console.log('[bundle] not restarting the stack (--no-restart)')
  else await restartStack(places, { log: (line) => console.log(line) })
})
