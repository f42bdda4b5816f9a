import { UsageError } from '../errors.ts'
import { familyDefinitions, flagOf, optionDefinitions, type Family } from '../options/definitions.ts'
import { nearestOf } from '../options/nearest.ts'
import { families, type Definitions, type OptionLayers } from '../options/resolve.ts'

export interface ParsedArguments {
  readonly flags: NonNullable<OptionLayers['flags']>
  readonly familyFlags: NonNullable<OptionLayers['familyFlags']>
  /** What is not ours, in the order it was given: file filters and flags of vitest. */
  readonly rest: readonly string[]
}

/**
 * Cuts the flags of clone-smoke out of a command line: `--keep failed`, `--keep=failed`, `--reuse`, `--source name=/path`.
 * Everything else is left for vitest.
 * @throws UsageError for a flag without its value, a name given twice, or one that looks like a mistyped flag of ours
 */
export function parseArguments(args: readonly string[], suiteDefinitions: Definitions = {}): ParsedArguments {
  const definitions: Definitions = { ...suiteDefinitions, ...optionDefinitions }
  const keys = new Map(Object.keys(definitions).map((key) => [flagOf(key), key]))
  const familyOf = new Map(families.map((family) => [`--${familyDefinitions[family].flag}`, family]))
  const flags: Record<string, string | true> = {}
  const familyFlags: Record<Family, Record<string, string>> = { sources: {}, refs: {}, ports: {} }
  const rest: string[] = []
  const queue = [...args]
  for (let argument = queue.shift(); argument !== undefined; argument = queue.shift()) {
    if (argument === '--') {
      rest.push(...queue)
      break
    }
    const [name = '', ...after] = argument.split('=')
    const key = keys.get(name)
    const family = familyOf.get(name)
    const given = argument.includes('=') ? after.join('=') : undefined
    const value = (placeholder: string): string => {
      const text = given ?? queue.shift()
      if (text === undefined || text === '' || (given === undefined && text.startsWith('--'))) {
        throw new UsageError(`${name} needs a value${text === '' ? ', and it is empty' : ''}`, `${name} ${placeholder}`)
      }
      return text
    }
    if (key !== undefined) {
      const definition = definitions[key]
      if (flags[key] !== undefined) throw new UsageError(`${name} is given twice`, 'leave one of them out')
      flags[key] = definition?.type === 'switch' ? given ?? true : value(definition?.placeholder ?? '<value>')
    } else if (family) {
      const { placeholder, example } = familyDefinitions[family]
      const [member = '', ...text] = value(placeholder).split('=')
      if (member === '' || text.length === 0) throw new UsageError(`${name} needs a name and a value`, `${name} ${placeholder}, e.g. ${name} stack=${example}`)
      if (familyFlags[family][member] !== undefined) throw new UsageError(`${name} ${member} is given twice`, 'leave one of them out')
      familyFlags[family][member] = text.join('=')
    } else {
      refuseMistyped(name, [...keys.keys(), ...familyOf.keys()])
      rest.push(argument)
    }
  }
  return { flags, familyFlags, rest }
}

/** Vitest's flags pass, so not every unknown one can be refused; one that is nearly ours is meant to be ours. */
function refuseMistyped(name: string, ours: readonly string[]): void {
  if (!name.startsWith('--') || vitestFlags.has(name)) return
  const nearest = nearestOf(name, ours, 2)
  if (nearest !== undefined) throw new UsageError(`unknown option ${name}`, `did you mean ${nearest}? All options: npx clone-smoke run --help`)
}

/** Flags of vitest that resemble one of ours (vitest 4.1, `vitest --help`). */
const vitestFlags = new Set(['--reporter', '--reporters', '--retry', '--root', '--run', '--dir', '--watch', '--silent', '--pool', '--bail', '--shard', '--mode', '--config', '--api', '--ui', '--open', '--globals', '--dom', '--expand', '--name', '--project', '--exclude', '--clearCache'])
