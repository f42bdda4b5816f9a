import type { FamilyValues, OptionValues } from './definitions.ts'

type Optional<Values> = { readonly [Key in keyof Values]?: Exclude<Values[Key], undefined> }

/** What smoke.config.ts may say: every option, the families, and what the suite declares itself. */
export type SmokeConfig = Optional<OptionValues> & {
  readonly sources?: FamilyValues['sources']
  readonly refs?: FamilyValues['refs']
  readonly ports?: Readonly<Record<string, number | string>>
  readonly [suiteOption: string]: unknown
}

/** Gives smoke.config.ts its types: `export default defineConfig({ keep: 'failed' })`. Flags and variables win over it. */
export function defineConfig(config: SmokeConfig): SmokeConfig {
  return config
}
