import { z } from 'zod'
import { UsageError } from './errors.ts'

/** One option: its variable, its default, and one line of help. README's table is generated from this list. */
interface OptionDefinition {
  readonly variable: string
  readonly help: string
  readonly fallback: string
  readonly schema: z.ZodType<unknown, string | undefined>
}

const seconds = z.string().regex(/^\d+(\.\d+)?$/, 'a number of seconds, e.g. 60').transform(Number)
  .refine((value) => value > 0, 'more than 0').refine((value) => value <= 86_400, 'at most a day, 86400')
const path = z.string().min(1, 'a path')

export const optionDefinitions = {
  suite: {
    variable: 'SMOKE_SUITE', fallback: '', help: 'suite to run: a folder in `suites/` (default: what vitest.config.ts says)',
    schema: z.string().regex(/^\w[\w.-]*$/, 'the name of a folder in suites/').optional(),
  },
  workspace: {
    variable: 'SMOKE_WORKSPACE', fallback: '', help: 'directory of the sandbox; must be empty or not exist (default: a new one in the temp dir)',
    schema: path.optional(),
  },
  keep: {
    variable: 'SMOKE_KEEP', fallback: 'never', help: 'keep the workspace after the run: `never`, `failed` or `always`; processes are ended all the same',
    schema: z.enum(['never', 'failed', 'always']),
  },
  results: {
    variable: 'SMOKE_RESULTS', fallback: 'smoke-results', help: 'directory that receives a folder of reports per run',
    schema: path,
  },
  agentFile: {
    variable: 'SMOKE_AGENT_BIN', fallback: '', help: 'agent program to use (default: the pinned Codex CLI of this package)',
    schema: path.optional(),
  },
  stageSeconds: {
    variable: 'SMOKE_STAGE_TIMEOUT', fallback: '60', help: 'seconds an agent session may take', schema: seconds,
  },
  restartSeconds: {
    variable: 'SMOKE_RESTART_TIMEOUT', fallback: '30', help: 'seconds the stack may take to start and answer', schema: seconds,
  },
  budgetScale: {
    variable: 'SMOKE_BUDGET_SCALE', fallback: '1', help: 'factor on every step budget, from 0.1 to 100, for slow or loaded machines; agent sessions have SMOKE_STAGE_TIMEOUT',
    schema: z.string().regex(/^\d+(\.\d+)?$/, 'a number, e.g. 2').transform(Number).refine((value) => value >= 0.1 && value <= 100, 'between 0.1 and 100'),
  },
} as const satisfies Record<string, OptionDefinition>

/** Overrides where a source comes from: SMOKE_SOURCE_STACK=/path/or/url#ref for a source named `stack`. */
export const sourceVariablePrefix = 'SMOKE_SOURCE_'

/** Set by clone-smoke for its own children; never an option. */
const internalVariables = new Set(['SMOKE_SANDBOX_ID', 'SMOKE_RUN_FILE'])

export interface Options {
  readonly suite: string
  readonly workspace: string | undefined
  readonly keep: 'never' | 'failed' | 'always'
  readonly results: string
  readonly agentFile: string | undefined
  readonly stageSeconds: number
  readonly restartSeconds: number
  readonly budgetScale: number
  /** By source name, in lower case. */
  readonly sources: Readonly<Record<string, string>>
}

/**
 * Reads the options from the environment; `defaultSuite` is what runs when SMOKE_SUITE names none.
 * @throws UsageError for an unknown SMOKE_ variable or a value that does not fit.
 */
export function resolveOptions(env: NodeJS.ProcessEnv, defaultSuite: string): Options {
  const known = Object.values(optionDefinitions).map(({ variable }) => variable as string)
  const sources: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith('SMOKE_') || known.includes(name) || internalVariables.has(name) || value === undefined) continue
    if (!name.startsWith(sourceVariablePrefix)) throw unknownVariable(name, known)
    if (value === '') continue
    if (!/^[^#-][^#]*(#[^-].*)?$/.test(value)) {
      throw new UsageError(`${name}=${JSON.stringify(value)} is no source`, `${name}=/path/or/url, or ${name}=/path/or/url#ref with a branch, a tag or a commit`)
    }
    sources[name.slice(sourceVariablePrefix.length).toLowerCase().replaceAll('_', '-')] = value
  }
  const values = Object.fromEntries(
    Object.entries(optionDefinitions).map(([key, definition]) => [key, read(definition, env)]),
  )
  return { ...values, suite: values.suite ?? defaultSuite, sources } as unknown as Options
}

/**
 * Every source override must name a source of the suite.
 * @throws UsageError naming the nearest one.
 */
export function checkSourceNames(options: Options, names: readonly string[]): void {
  const variables = names.map(sourceVariable)
  for (const name of Object.keys(options.sources)) {
    if (!names.includes(name)) throw unknownVariable(sourceVariable(name), variables)
  }
}

export const sourceVariable = (name: string): string =>
  `${sourceVariablePrefix}${name.toUpperCase().replaceAll('-', '_')}`

function read(definition: OptionDefinition, env: NodeJS.ProcessEnv): unknown {
  const given = env[definition.variable]
  const text = given === undefined || given === '' ? definition.fallback : given
  const result = definition.schema.safeParse(text === '' ? undefined : text)
  if (result.success) return result.data
  const problem = z.prettifyError(result.error).replace(/^✖ /, '')
  throw new UsageError(
    `${definition.variable}=${JSON.stringify(text)} does not fit: ${problem}`,
    `${definition.variable}: ${definition.help}`,
  )
}

function unknownVariable(name: string, known: readonly string[]): UsageError {
  const nearest = nearestOf(name, known)
  return new UsageError(
    `unknown option ${name}`,
    nearest === undefined ? `known: ${known.join(', ')}` : `did you mean ${nearest}? All options are in README.md`,
  )
}

/** The candidate with the smallest edit distance, if it is near enough to be a typing error. */
export function nearestOf(word: string, candidates: readonly string[]): string | undefined {
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (!best || distance < best.distance) best = { candidate, distance }
  }
  return best && best.distance <= Math.max(2, word.length / 3) ? best.candidate : undefined
}

/** Levenshtein distance. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
