import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { StackError } from './environment.mjs'
import { fillPlaceholders } from './files.mjs'

/** Values for the placeholders in descriptors and in the template. */
export const placeholders = (places) => ({
  STACK_DIR: places.stackDir, STATE_HOME: places.stateHome, NODE: process.execPath, PROXY_PORT: String(places.port),
})

/** Turns a descriptor of the bundle or the catalog into what the proxy starts: command, arguments, directory. */
export function launchOf(name, descriptor, places) {
  const filled = fillPlaceholders(descriptor, placeholders(places))
  const left = /\{\{\w+\}\}/.exec(JSON.stringify(filled))
  if (left) throw new StackError(`the descriptor of ${name} has a placeholder that nothing fills: ${left[0]}; correct it in config/`)
  const { args = [], env, publish = 'prefixed' } = filled
  const rest = { cwd: places.stackDir, publish, ...(env && { env }) }
  if (descriptor.script) return { command: process.execPath, args: [join(places.stackDir, descriptor.script), ...args], ...rest }
  if (descriptor.command) return { command: filled.command, args, ...rest }
  if (!descriptor.package) {
    throw new StackError(`the descriptor of ${name} has no launch: it needs one of package, script or command; correct it in config/`)
  }
  return { command: process.execPath, args: [programOf(name, descriptor, places.stackDir), ...args], ...rest }
}

/** The program of an npm package, from the nearest node_modules above the checkout. */
function programOf(name, descriptor, from) {
  for (let folder = from; ; folder = dirname(folder)) {
    const root = join(folder, 'node_modules', descriptor.package)
    if (existsSync(join(root, 'package.json'))) {
      const { version, bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
      if (version !== descriptor.version) {
        throw new StackError(`${name} needs ${descriptor.package} ${descriptor.version}, but ${root} has ${version}; run: npm install ${descriptor.package}@${descriptor.version}`)
      }
      return join(root, typeof bin === 'string' ? bin : Object.values(bin)[0])
    }
    if (folder === dirname(folder)) break
  }
  throw new StackError(`${name} needs the package ${descriptor.package}, which is not installed; run: npm install ${descriptor.package}@${descriptor.version}`)
}
