import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { z } from 'zod'
import { UsageError } from '../errors.ts'
import {
  familyDefinitions, familyPrefix, familyVariable, flagOf, nameInFamily, optionDefinitions, variableOf,
  type Family, type FamilyValues, type OptionDefinition, type OptionKey, type OptionValues,
} from './definitions.ts'
import { nearestOf } from './nearest.ts'

/** Set by clone-smoke for its own children; never an option. */
export const internalVariables: ReadonlySet<string> = new Set(['SMOKE_SANDBOX_ID', 'SMOKE_RUN_FILE', 'SMOKE_PLAN_FILE', 'SMOKE_CALLED_FROM', 'SMOKE_TYPED'])

export const families = Object.keys(familyDefinitions) as Family[]

/** Definitions by key: the harness's own, and those that a suite adds. */
export type Definitions = Readonly<Record<string, OptionDefinition>>

/** Where values come from; the first one that has a value wins: flags, environment, config file, default. */
export interface OptionLayers {
  /** From the command line: texts by key, `true` for a switch without a value. */
  readonly flags?: Readonly<Record<string, string | true>>
  readonly familyFlags?: Partial<FamilyValues>
  readonly env: NodeJS.ProcessEnv
  readonly file?: ConfigFile | undefined
  /** Where relative paths of flags and variables start. */
  readonly cwd: string
}

/** smoke.config.ts as it was read. */
export interface ConfigFile {
  readonly path: string
  readonly config: unknown
}

export interface Options extends Omit<OptionValues, 'suite'>, FamilyValues {
  readonly suite: string
  /** Values of the options that the suite declares itself. */
  readonly own: Readonly<Record<string, unknown>>
  /** Where each value that is not a default came from, as the user spelled it. */
  readonly origins: Readonly<Record<string, string>>
}

/** One value as it was given, and how its giver spells it. */
interface Given {
  readonly value: unknown
  readonly spelled: string
  /** Where a relative path starts. */
  readonly base: string
}

/** The suite that is asked for: it must be known before the options that it declares can be. @throws UsageError */
export function suiteNameOf(layers: OptionLayers, defaultSuite: string): string {
  const given = find('suite', layers)
  return (given === undefined ? undefined : read('suite', optionDefinitions.suite, given)) ?? defaultSuite
}

/**
 * All options of a run.
 * @param suiteDefaults what the suite puts in place of the harness's own defaults
 * @throws UsageError for an unknown name, a value that does not fit, or options that exclude each other
 */
export function resolveOptions(layers: OptionLayers, defaultSuite: string, suiteDefinitions: Definitions = {}, suiteDefaults: Partial<OptionValues> = {}): Options {
  const definitions: Definitions = { ...suiteDefinitions, ...optionDefinitions }
  refuseUnknown(layers, Object.keys(definitions))
  const defaults: Readonly<Record<string, unknown>> = suiteDefaults
  const values: Record<string, unknown> = {}
  const origins: Record<string, string> = {}
  for (const [key, definition] of Object.entries(definitions)) {
    const given = find(key, layers)
    values[key] = given === undefined ? (defaults[key] ?? definition.fallback) : read(key, definition, given)
    if (definition.type === 'path' && given === undefined && typeof values[key] === 'string') values[key] = resolve(layers.cwd, values[key])
    if (given !== undefined) origins[key] = given.spelled
  }
  const familyValues = Object.fromEntries(families.map((family) => [family, readFamily(family, layers, origins)])) as unknown as FamilyValues
  const known = Object.fromEntries(Object.keys(optionDefinitions).map((key) => [key, values[key]])) as unknown as OptionValues
  const own = Object.fromEntries(Object.keys(suiteDefinitions).map((key) => [key, values[key]]))
  const options: Options = { ...known, ...familyValues, suite: known.suite ?? defaultSuite, own, origins }
  refuseContradictions(options)
  return options
}

/**
 * Every name in a family must be one that the suite declares.
 * @throws UsageError naming the nearest one
 */
export function checkFamilyNames(options: Options, declared: { readonly sources: readonly string[]; readonly ports: readonly string[] }): void {
  for (const family of families) {
    const names = family === 'ports' ? declared.ports : declared.sources
    for (const name of Object.keys(options[family])) {
      if (names.includes(name)) continue
      throw unknown(familyVariable(family, name), names.map((one) => familyVariable(family, one)))
    }
  }
}

function find(key: string, { flags, env, file, cwd }: OptionLayers): Given | undefined {
  const flag = flags?.[key]
  if (flag !== undefined) return { value: flag, spelled: flag === true ? flagOf(key) : `${flagOf(key)} ${JSON.stringify(flag)}`, base: cwd }
  const text = env[variableOf(key)]
  if (text !== undefined && text !== '') return { value: text, spelled: `${variableOf(key)}=${JSON.stringify(text)}`, base: cwd }
  const value = file && recordOf(file)[key]
  return value === undefined ? undefined : { value, spelled: `${key}: ${JSON.stringify(value)} in ${file?.path ?? ''}`, base: resolve(file?.path ?? cwd, '..') }
}

function read<Value>(key: string, definition: OptionDefinition<Value>, given: Given): Value {
  const { value, spelled, base } = given
  const result = definition.schema.safeParse(typeof value === 'string' ? fromText(definition.type, value) : value)
  if (!result.success) throw doesNotFit(spelled, result.error, `${variableOf(key)} or ${flagOf(key)}: ${definition.help}`)
  return definition.type === 'path' ? resolve(base, String(result.data)) as Value : result.data
}

function fromText(type: OptionDefinition['type'], value: string): unknown {
  if (type === 'number') return /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value
  if (type !== 'switch') return value
  if (/^(1|true|yes|on)$/i.test(value)) return true
  return /^(0|false|no|off)$/i.test(value) ? false : value
}

function readFamily(family: Family, { familyFlags, env, file, cwd }: OptionLayers, origins: Record<string, string>): Record<string, string> {
  const definition = familyDefinitions[family]
  const given: Record<string, Given> = {}
  for (const [name, value] of Object.entries((recordOf(file)[family] ?? {}) as Record<string, unknown>)) {
    const spelled = `${family}.${name}: ${JSON.stringify(value)} in ${file?.path ?? ''}`
    given[name] = { value: typeof value === 'number' ? String(value) : value, spelled, base: resolve(file?.path ?? cwd, '..') }
  }
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith(familyPrefix(family)) || value === undefined || value === '') continue
    given[nameInFamily(variable.slice(familyPrefix(family).length))] = { value, spelled: `${variable}=${JSON.stringify(value)}`, base: cwd }
  }
  for (const [name, value] of Object.entries(familyFlags?.[family] ?? {})) {
    given[name] = { value, spelled: `--${definition.flag} ${name}=${value}`, base: cwd }
  }
  return Object.fromEntries(Object.entries(given).map(([name, { value, spelled, base }]) => {
    const result = definition.schema.safeParse(value)
    if (!result.success) throw doesNotFit(spelled, result.error, `${familyVariable(family, name)}=${definition.example} or --${definition.flag} ${name}=${definition.example}`)
    origins[`${family}.${name}`] = spelled
    return [name, family === 'sources' ? absoluteSource(result.data, base) : result.data]
  }))
}

/** A source given as a relative path means relative to where the user typed it; what is no path here is a URL. */
function absoluteSource(text: string, base: string): string {
  const [path = '', ...ref] = text.split('#')
  return existsSync(resolve(base, path)) ? [resolve(base, path), ...ref].join('#') : text
}

/** @throws UsageError when the file does not hold an object of options */
function recordOf(file: ConfigFile | undefined): Readonly<Record<string, unknown>> {
  if (file === undefined) return {}
  const { config, path } = file
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    throw new UsageError(`${path} has no object of options as its default export`, 'end it with `export default defineConfig({ ... })`')
  }
  return config as Record<string, unknown>
}

function refuseUnknown({ env, file }: OptionLayers, keys: readonly string[]): void {
  const variables = keys.map(variableOf)
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('SMOKE_') || value === undefined || variables.includes(name) || internalVariables.has(name)) continue
    if (families.some((family) => name.startsWith(familyPrefix(family)))) continue
    throw unknown(name, [...variables, ...families.map((family) => `${familyPrefix(family)}<NAME>`)])
  }
  const inFile = [...keys, ...families]
  for (const [key, value] of Object.entries(recordOf(file))) {
    if (!inFile.includes(key)) throw unknown(`${key} in ${file?.path ?? ''}`, inFile, key)
    if ((families as string[]).includes(key) && (typeof value !== 'object' || value === null)) {
      throw new UsageError(`${key} in ${file?.path ?? ''} is no object of names and values`, `${key}: { name: '${familyDefinitions[key as Family].example}' }`)
    }
  }
}

/** @param word the part of `name` that was to be a name */
export function unknown(name: string, known: readonly string[], word = name): UsageError {
  const nearest = nearestOf(word, known)
  const all = known.length === 0 ? 'leave it out: the suite has none of these' : `known: ${known.join(', ')}`
  return new UsageError(`unknown option ${name}`, nearest === undefined ? all : `did you mean ${nearest}? All options are in README.md`)
}

function doesNotFit(spelled: string, error: z.ZodError, remedy: string): UsageError {
  return new UsageError(`${spelled} does not fit: ${z.prettifyError(error).replace(/^✖ /, '')}`, remedy)
}

/** Pairs of options that cannot both be meant, and options that need another one. */
function refuseContradictions(options: Options): void {
  const on = (key: OptionKey): boolean => options[key] !== undefined && options[key] !== false
  const spelled = (key: OptionKey): string => options.origins[key] ?? variableOf(key)
  const exclusive = [
    ['reuse', 'force', '`reuse` goes on with what is there, `force` throws it away: choose one'],
    ['skipBootstrap', 'force', '`skipBootstrap` goes on with what is there, `force` throws it away: choose one'],
    ['skipBootstrap', 'bootstrapOnly', 'leave one of them out'],
    ['skipBootstrap', 'forceBootstrap', 'leave one of them out'],
    ['manual', 'manualStage', '`manual` is every stage; leave one of them out'],
  ] as const
  for (const [one, other, remedy] of exclusive) {
    if (on(one) && on(other)) throw new UsageError(`${spelled(one)} and ${spelled(other)} exclude each other`, remedy)
  }
  const needed = [
    ['reuse', 'workspace'], ['skipBootstrap', 'workspace'], ['force', 'workspace'], ['forceOutdated', 'workspace'], ['forceBootstrap', 'workspace'],
  ] as const
  for (const [one, other] of needed) {
    if (on(one) && !on(other)) throw new UsageError(`${spelled(one)} needs a ${other}`, `name it: ${variableOf(other)}=<dir> or ${flagOf(other)} <dir>; \`npx clone-smoke cleanup --dry-run\` lists those in the temp dir`)
  }
  for (const one of ['forceOutdated', 'forceBootstrap'] as const) {
    if (on(one) && !options.reuse && !options.skipBootstrap) throw new UsageError(`${spelled(one)} only means something with \`reuse\``, 'add SMOKE_REUSE=1 or --reuse')
  }
}
