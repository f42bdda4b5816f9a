import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UsageError } from '../errors.ts'
import { familyDefinitions, familyVariable, flagOf, variableOf } from '../options/definitions.ts'
import { loadConfig } from '../options/load-config.ts'
import { families, resolveOptions, suiteNameOf, type Definitions, type OptionLayers, type Options } from '../options/resolve.ts'
import type { AnySuite } from '../suite.ts'
import { loadSuite, suiteNames } from '../vitest/find-suite.ts'
import { parseArguments, type ParsedArguments } from './arguments.ts'
import type { Surroundings } from './main.ts'

const configNames = ['vitest.config.ts', 'vitest.config.mts', 'vitest.config.js', 'vitest.config.mjs']

/** The folder whose vitest.config runs the lanes: the nearest one above the user that has suites, else that of this package. */
export function findProject(cwd: string): string {
  for (let folder = cwd; ; folder = dirname(folder)) {
    if (configNames.some((name) => existsSync(join(folder, name))) && suiteNames(folder).length > 0) return folder
    if (folder === dirname(folder)) return fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
  }
}

export interface Invocation {
  readonly root: string
  /** File filters and flags for vitest. */
  readonly rest: readonly string[]
  /** Names that mean a lane's file. */
  readonly lanes: readonly string[]
  /** The suite that is asked for, or all of them. */
  readonly suites: readonly AnySuite[]
  readonly options: Options
  /** The environment that says the same as the flags. */
  readonly env: NodeJS.ProcessEnv
}

/**
 * Reads a command line and checks every option, before vitest is started.
 * @throws UsageError
 */
export async function readInvocation(args: readonly string[], { env, cwd }: Surroundings): Promise<Invocation> {
  const root = findProject(cwd())
  const file = await loadConfig(root)
  const layers = (parsed: { flags: OptionLayers['flags']; familyFlags: OptionLayers['familyFlags'] }): OptionLayers => ({
    ...(parsed.flags && { flags: parsed.flags }), ...(parsed.familyFlags && { familyFlags: parsed.familyFlags }), env, file, cwd: cwd(),
  })
  const suites = await suitesAsked(root, args, { env, file, cwd: cwd() })
  const own = optionsOf(suites)
  const parsed = parseArguments(args, own)
  const options = resolveOptions(layers(parsed), '', own)
  // Paths are absolute by now: vitest runs where the project is, and not where the user is.
  const fromFlags: NodeJS.ProcessEnv = {}
  const values: Readonly<Record<string, unknown>> = { ...options, ...options.own }
  for (const key of Object.keys(parsed.flags)) fromFlags[variableOf(key)] = String(values[key])
  for (const key of Object.keys(options.origins)) {
    if (!key.includes('.') && env[variableOf(key)] !== undefined && typeof values[key] === 'string') fromFlags[variableOf(key)] = values[key]
  }
  if (root !== cwd() && options.origins.results === undefined) fromFlags.SMOKE_RESULTS = options.results
  for (const family of families) {
    for (const [name, value] of Object.entries(options[family])) fromFlags[familyVariable(family, name)] = value
  }
  return { root, rest: parsed.rest, suites, options, lanes: suites.flatMap((suite) => suite.lanes.map(({ name }) => name)), env: { ...env, ...fromFlags, SMOKE_CALLED_FROM: cwd(), SMOKE_TYPED: typedFlags(parsed) } }
}

/** For `asTyped`: which flag stands for which variable. */
function typedFlags({ flags, familyFlags }: ParsedArguments): string {
  const typed = Object.keys(flags).map((key) => [variableOf(key), flagOf(key)])
  const ofFamilies = families.flatMap((family) =>
    Object.keys(familyFlags[family] ?? {}).map((name) => [familyVariable(family, name), `--${familyDefinitions[family].flag} ${name}`]))
  return JSON.stringify(Object.fromEntries([...typed, ...ofFamilies]))
}

/** The suite that is asked for; all of them when none is named, for then vitest.config.ts chooses. */
async function suitesAsked(root: string, args: readonly string[], layers: OptionLayers): Promise<AnySuite[]> {
  const at = args.findIndex((argument) => argument === '--suite' || argument.startsWith('--suite='))
  const asked = at === -1 ? undefined : args[at]?.split('=')[1] ?? args[at + 1]
  const name = suiteNameOf({ ...layers, ...(asked !== undefined && { flags: { suite: asked } }) }, '')
  return Promise.all((name === '' ? suiteNames(root) : [name]).map((one) => loadSuite(root, one)))
}

/** Of several suites each option says whose it is; what two have in common means what each of them says. */
function optionsOf(suites: readonly AnySuite[]): Definitions {
  const all: Record<string, Definitions[string]> = {}
  for (const { name, options = {} } of suites) {
    for (const [key, definition] of Object.entries(options)) {
      const before = all[key] === undefined ? '' : `${all[key].help}; `
      all[key] = suites.length === 1 ? definition : { ...definition, help: `${before}suite ${name}: ${definition.help}` }
    }
  }
  return all
}

/** Options that the suites which are meant declare themselves. */
export async function definitionsOf(root: string, args: readonly string[], layers: OptionLayers): Promise<Definitions> {
  return optionsOf(await suitesAsked(root, args, layers))
}

/** The vitest that the project uses. @throws UsageError when there is none */
export function vitestProgram(root: string): string {
  for (let folder = root; ; folder = dirname(folder)) {
    const file = join(folder, 'node_modules/vitest/vitest.mjs')
    if (existsSync(file)) return file
    if (folder === dirname(folder)) throw new UsageError(`vitest is not installed in ${root}`, `cd ${root} && npm ci`)
  }
}
