import { basename, join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { loadEnvironment, main } from '../lib/environment.mjs'
import { readJson, readJsonOr, toJson, writeText } from '../lib/files.mjs'
import { listToolsOf } from '../lib/handshake.mjs'
import { launchOf } from '../lib/launch.mjs'
import { withServer } from '../lib/manage-stack.mjs'
import { restartStack } from '../lib/restart.mjs'

await main(async () => {
  const { values } = parseArguments()
  if (!values) return 2
  const places = loadEnvironment()
  const bundle = Object.entries({
    ...readJson(join(places.stackDir, 'config/bundle.json')).servers,
    ...(values.release !== undefined && releasedServer(values.release)),
  })
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
  if (values['no-restart']) console.log('[bundle] not restarting the stack (--no-restart)')
  else await restartStack(places, { log: (line) => console.log(line) })
})

function parseArguments() {
  try {
    return parseArgs({ options: { 'no-restart': { type: 'boolean' }, release: { type: 'string' } } })
  } catch (error) {
    console.error(`${error.message}\nusage: install-bundle.mjs [--no-restart] [--release <dir>]`)
    return {}
  }
}

/** A server that is released as a folder: its release.json names the command, relative to the folder, and the arguments. */
function releasedServer(folder) {
  const { name = basename(folder), command, args = [] } = readJson(join(folder, 'release.json'))
  return { [name]: { command: command === 'node' ? process.execPath : resolve(folder, command), args: args.map((arg) => arg.replace('{{RELEASE}}', resolve(folder))), publish: 'prefixed' } }
}
