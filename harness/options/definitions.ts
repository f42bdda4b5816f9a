import { z } from 'zod'

/**
 * One option. Its spellings follow from its key: `restartTimeout` in smoke.config.ts, SMOKE_RESTART_TIMEOUT in the
 * environment, --restart-timeout on the command line.
 */
export interface OptionDefinition<Value = unknown> {
  /** How a text becomes the value: a `switch` is on or off, a `path` is made absolute. */
  readonly type: 'text' | 'path' | 'number' | 'switch'
  readonly schema: z.ZodType<Value>
  readonly fallback: Value
  /** Stands for the value in --help; a path called `<file>` is that of a program. */
  readonly placeholder: string
  /** What is used where it is not given and there is no `fallback`. */
  readonly otherwise?: string
  readonly help: string
}

type Details<Value> = Pick<OptionDefinition<Value>, 'schema' | 'placeholder'> & { readonly fallback: NoInfer<Value> }

/** A text that may be left out, or must be one of a few. */
export function text<Value extends string | undefined>(help: string, details: Details<Value>): OptionDefinition<Value> {
  return { type: 'text', help, ...details }
}

/** The path of a file or directory; a relative one starts where the user is, in a config file where that file is. */
export function path<Value extends string | undefined = undefined>(help: string, details: { placeholder?: string; fallback?: Value; otherwise?: string } = {}): OptionDefinition<Value | string> {
  const schema = z.string().min(1, 'a path').refine((value) => !value.includes('\0'), 'a path without NUL')
  const { placeholder = '<dir>', fallback, otherwise } = details
  return { type: 'path', help: otherwise === undefined ? help : `${help} (default: ${otherwise})`, schema, placeholder, fallback: fallback as Value, ...(otherwise !== undefined && { otherwise }) }
}

export function number<Value extends number | undefined>(help: string, details: Details<Value>): OptionDefinition<Value> {
  return { type: 'number', help, ...details }
}

/** Something that is off unless it is asked for. */
export function onOff(help: string): OptionDefinition<boolean> {
  return { type: 'switch', help, schema: z.boolean('1 or 0, true or false'), fallback: false, placeholder: '' }
}

const aDay = 86_400
const seconds = z.number('a number of seconds, e.g. 60').positive('more than 0').max(aDay, 'at most a day, 86400')
const oneOf = <const Names extends readonly [string, ...string[]]>(names: Names): z.ZodType<Names[number]> => z.enum(names, `one of ${names.join(', ')}`)
const count = (most: number): z.ZodNumber => z.int('a whole number').min(0, 'not below 0').max(most, `at most ${most}`)

/** All options of every suite. README's table, --help, the JSON Schema and the type of smoke.config.ts are made from it. */
export const optionDefinitions = {
  suite: text('suite to run: a folder in `suites/` (default: what vitest.config.ts says)', {
    schema: z.string().regex(/^\w[\w.-]*$/, 'the name of a folder in suites/').optional(), fallback: undefined, placeholder: '<name>',
  }),
  workspace: path('directory of the sandbox; must be empty or not exist, unless `reuse` or `force` is given (default: a new one in the temp dir)'),
  keep: text('keep the workspace after the run: `never`, `failed` or `always`; processes are ended all the same', {
    schema: oneOf(['never', 'failed', 'always']), fallback: 'never', placeholder: '<when>',
  }),
  results: path('directory that receives a folder of reports per run', { fallback: 'smoke-results' }),
  reuse: onOff('go on in the workspace of an earlier run, at the first lane that is not done; needs `workspace`, and keeps it'),
  force: onOff('empty the directory given as `workspace` first, whatever is in it; never a home, a repository, a mount point or a run that lives'),
  forceOutdated: onOff('with `reuse`: go on although a clone is behind its source'),
  forceBootstrap: onOff('with `reuse`: clone and start everything again, in the same place and on the same ports'),
  bootstrapOnly: onOff('run the first lane alone and keep the workspace for later runs'),
  skipBootstrap: onOff('go on in a workspace whose first lane is done, and refuse any other; needs `workspace`'),
  manual: onOff('stop before every agent session and let a person do it; writes `manual_playbook.md` and `manual_result.json`'),
  manualStage: text('stop right before the agent session of this lane; writes `manual_stage_<lane>.md`', {
    schema: z.string().min(1, 'the name of a lane').optional(), fallback: undefined, placeholder: '<lane>',
  }),
  agentBin: path('agent program to use', { placeholder: '<file>', otherwise: 'the pinned Codex CLI of this package' }),
  agentHome: path('settings of the agent to start from, e.g. `~/.codex`: its config file is copied, never its login'),
  stageTimeout: number('seconds an agent session may take', { schema: seconds, fallback: 60, placeholder: '<seconds>' }),
  restartTimeout: number('seconds one attempt to start the stack may take until it answers', { schema: seconds, fallback: 30, placeholder: '<seconds>' }),
  restartRetries: number('further attempts after one that failed', { schema: count(10), fallback: 1, placeholder: '<number>' }),
  heartbeatTimeout: number('seconds without any output after which the run is ended; 0 for never', {
    schema: z.number('a number of seconds, e.g. 240').min(0, 'not below 0').max(aDay, 'at most a day, 86400'), fallback: 240, placeholder: '<seconds>',
  }),
  budgetScale: number('factor on every step budget, from 0.1 to 100, for slow or loaded machines; agent sessions have `stageTimeout`', {
    schema: z.number('a number, e.g. 2').min(0.1, 'between 0.1 and 100').max(100, 'between 0.1 and 100'), fallback: 1, placeholder: '<factor>',
  }),
  testScope: text('which of its own tests the clone runs: `none`, `structural` (after the start) or `full` (and all at the end)', {
    schema: oneOf(['none', 'structural', 'full']), fallback: 'full', placeholder: '<scope>',
  }),
  memoryLimit: number('MiB that all processes of the sandbox may use together; 0 for no limit', { schema: count(1 << 24), fallback: 0, placeholder: '<MiB>' }),
  processLimit: number('processes the sandbox may have at once; 0 for no limit', { schema: count(1 << 22), fallback: 0, placeholder: '<number>' }),
  cacheDir: path('directory of npm, pip, uv and Go caches that outlives the run and can be shared by several (default: each sandbox has its own)'),
  junitAttachments: text('how `junit.xml` names the files that belong to a test: by `absolute` path, as Jenkins wants it, or `relative` to where you are, as GitLab does', {
    schema: oneOf(['absolute', 'relative']), fallback: 'absolute', placeholder: '<how>',
  }),
  captureDebugTools: onOff("switch on the stack's debug logs and keep what each agent session added to them"),
  captureDiagLogs: onOff('record vmstat, top and dmesg during each agent session'),
} as const satisfies Record<string, OptionDefinition>

export type OptionKey = keyof typeof optionDefinitions
type ValueOf<Definition> = Definition extends OptionDefinition<infer Value> ? Value : never
export type OptionValues = { readonly [Key in OptionKey]: ValueOf<(typeof optionDefinitions)[Key]> }

/** Ports that a stack may be given: below are those that only root may open. */
export const lowestPort = 1024
export const highestPort = 65_535

/** Options with a value per name, which the suite declares: SMOKE_SOURCE_STACK, --source stack=..., `sources: { stack: ... }`. */
export const familyDefinitions = {
  sources: {
    flag: 'source', placeholder: '<name>=<path or url>[#ref]', example: '/path/or/url#ref',
    schema: z.string().regex(/^[^#-][^#]*(#[^-].*)?$/, '/path/or/url, or /path/or/url#ref with a branch, a tag or a commit'),
    help: 'where a source of the suite comes from',
  },
  refs: {
    flag: 'ref', placeholder: '<name>=<ref>', example: 'v1.2',
    schema: z.string().regex(/^[^-#\s][^#\s]*$/, 'a branch, a tag or a commit'),
    help: 'branch, tag or commit of a source that is a repository',
  },
  ports: {
    flag: 'port', placeholder: '<name>=<number>', example: '23456',
    schema: z.string().regex(/^[1-9]\d{0,4}$/, 'a port number').refine((value) => Number(value) >= lowestPort && Number(value) <= highestPort, `between ${lowestPort} and ${highestPort}`),
    help: 'fixed number for a port of the suite (default: a free one, reserved for this run)',
  },
} as const

export type Family = keyof typeof familyDefinitions
/** By family, then by the name that the suite declares. */
export type FamilyValues = Readonly<Record<Family, Readonly<Record<string, string>>>>

const snake = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
/** `restartTimeout` -> `SMOKE_RESTART_TIMEOUT` */
export const variableOf = (key: string): string => `SMOKE_${snake(key)}`
/** `restartTimeout` -> `--restart-timeout` */
export const flagOf = (key: string): string => `--${snake(key).toLowerCase().replaceAll('_', '-')}`
/** `sources` -> `SMOKE_SOURCE_` */
export const familyPrefix = (family: Family): string => `SMOKE_${familyDefinitions[family].flag.toUpperCase()}_`
/** `sources`, `my-stack` -> `SMOKE_SOURCE_MY_STACK` */
export const familyVariable = (family: Family, name: string): string => familyPrefix(family) + name.toUpperCase().replaceAll('-', '_')
/** `MY_STACK` -> `my-stack` */
export const nameInFamily = (rest: string): string => rest.toLowerCase().replaceAll('_', '-')
