import { familyVariable, optionDefinitions, variableOf } from './definitions.ts'
import type { Definitions, Options } from './resolve.ts'

/**
 * A sentence for each variable that is set to nothing and should have named a program or a source, as
 * `SMOKE_AGENT_BIN=$(which codex)` does where there is none: something else than was meant would be tested. Empty
 * variables count as not set, for CI matrices; those of other options are passed over without a word.
 */
export function emptyVariables(env: NodeJS.ProcessEnv, { origins }: Options, declared: { readonly options: Definitions | undefined; readonly sources: readonly string[] }): string[] {
  const programs = Object.entries<Definitions[string]>({ ...declared.options, ...optionDefinitions })
    .filter(([, { type, placeholder }]) => type === 'path' && placeholder === '<file>')
    .map(([key, { otherwise }]) => [variableOf(key), origins[key] ?? otherwise] as const)
  const sources = declared.sources.flatMap((name) => [
    [familyVariable('sources', name), origins[`sources.${name}`] ?? "the suite's own source"],
    [familyVariable('refs', name), origins[`refs.${name}`] ?? "the source's own branch"],
  ] as const)
  return [...programs, ...sources]
    .filter(([variable]) => env[variable] === '')
    .map(([variable, used]) => `${variable} is empty and counts as not set${used === undefined ? '' : `, which means: ${used}`}`)
}
