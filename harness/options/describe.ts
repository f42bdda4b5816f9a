import { z } from 'zod'
import { familyDefinitions, familyPrefix, flagOf, highestPort, lowestPort, optionDefinitions, variableOf, type Family } from './definitions.ts'
import { families, type Definitions } from './resolve.ts'

/** One row of the option table. */
export interface OptionRow {
  readonly variable: string
  readonly flag: string
  readonly placeholder: string
  readonly key: string
  readonly fallback: string
  readonly help: string
}

const shown = (fallback: unknown): string => typeof fallback === 'string' ? fallback : typeof fallback === 'number' ? fallback.toString() : ''

/** Every option in the order of the schema: README's table and --help are made of these rows. */
export function optionRows(suiteDefinitions: Definitions = {}): OptionRow[] {
  const definitions: Definitions = { ...optionDefinitions, ...suiteDefinitions }
  return [
    ...Object.entries(definitions).map(([key, { placeholder, fallback, help }]) => ({
      variable: variableOf(key), flag: flagOf(key), placeholder, key, fallback: shown(fallback), help,
    })),
    ...families.map((family) => {
      const { flag, placeholder, help, example } = familyDefinitions[family]
      return { variable: `${familyPrefix(family)}<NAME>`, flag: `--${flag}`, placeholder, key: `${family}.<name>`, fallback: '', help: `${help}, e.g. \`${example}\`` }
    }),
  ]
}

/** JSON Schema (2020-12) of smoke.config.ts's default export. */
export function configJsonSchema(suiteDefinitions: Definitions = {}): Record<string, unknown> {
  const definitions: Definitions = { ...optionDefinitions, ...suiteDefinitions }
  const properties = Object.fromEntries(Object.entries(definitions).map(([key, { schema, fallback, help }]) => [
    key, { ...withoutDialect(z.toJSONSchema(schema)), description: help.replaceAll('`', ''), ...(fallback !== undefined && { default: fallback }) },
  ]))
  const ofFamily = Object.fromEntries(families.map((family) => [
    family, { type: 'object', additionalProperties: schemaOf(family), description: familyDefinitions[family].help },
  ]))
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema', title: 'smoke.config.ts of clone-smoke', type: 'object',
    properties: { ...properties, ...ofFamily }, additionalProperties: false,
  }
}

/** Of a value in a family: the definition's own; a port may be written as a number too. */
function schemaOf(family: Family): Record<string, unknown> {
  const { schema } = familyDefinitions[family]
  const ofText = withoutDialect(z.toJSONSchema(schema))
  return family === 'ports' ? { anyOf: [{ type: 'integer', minimum: lowestPort, maximum: highestPort }, ofText] } : ofText
}

function withoutDialect(schema: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).filter(([key]) => key !== '$schema'))
}
