import { statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname } from 'node:path'
import { findAgent } from '../agents/find-agent.ts'
import { PrerequisiteError, Refusal, UsageError } from '../errors.ts'
import { variableOf } from '../options/definitions.ts'
import { neededOf } from '../options/needed.ts'
import { checkPlatform } from '../platform.ts'
import { effectiveSource } from '../sandbox/clone.ts'
import { checkCanHold, topmostToMake } from '../sandbox/workspace.ts'
import type { AnySuite } from '../suite.ts'
import type { Surroundings } from './main.ts'
import { readInvocation, type Invocation } from './project.ts'

/** One thing that a run needs of this machine. */
interface Finding {
  readonly name: string
  /** `asked`: it is there as soon as whoever runs the suite names it. */
  readonly state: 'there' | 'missing' | 'asked'
  /** A version, a path, or what is wrong. */
  readonly says: string
  /** What to type. */
  readonly next?: string
}

interface Section {
  /** A suite, or this machine. */
  readonly of: string
  readonly findings: readonly Finding[]
}

/** A workspace of the reference suite takes some 60 MB, one of a stack with compilers and packages a gigabyte. Bytes. */
const leastFree = 1e9

/**
 * `clone-smoke doctor [options] [--json]`: whether this machine has what the suite needs, or all suites when none is
 * named, by the code that a run begins with. Nothing is made. Returns 3 when something is missing.
 */
export async function doctor(args: readonly string[], around: Surroundings): Promise<number> {
  const json = args.includes('--json')
  const invocation = await readInvocation(args.filter((argument) => argument !== '--json'), around)
  const [stray] = invocation.rest
  if (stray !== undefined) throw new UsageError(`doctor takes options alone, and not ${JSON.stringify(stray)}`, 'npx clone-smoke doctor [--suite <name>] [--json]')
  const sections = await Promise.all([machine(invocation), ...invocation.suites.map((suite) => suiteSection(suite, invocation))])
  const missing = sections.flatMap(({ findings }) => findings.filter(({ state }) => state === 'missing')).length
  around.stdout.write(json ? `${JSON.stringify({ ok: missing === 0, sections }, null, 2)}\n` : `${textOf(sections, missing)}\n`)
  return missing === 0 ? 0 : 3
}

async function machine({ options }: Invocation): Promise<Section> {
  return {
    of: 'this machine',
    findings: await Promise.all([
      attempt('node', () => process.version),
      attempt('/proc', () => { checkPlatform(); return 'can be read' }),
      attempt('workspaces', () => room(options.workspace === undefined ? 'TMPDIR' : variableOf('workspace'), options.workspace ?? tmpdir())),
      attempt('results', () => room(variableOf('results'), options.results)),
      attempt('agent', () => findAgent(options.agentBin)),
    ]),
  }
}

async function suiteSection(suite: AnySuite, { options, env }: Invocation): Promise<Section> {
  const needed = neededOf(suite, options)
  const programs = needed.prerequisites.map(({ name, find }) => attempt(name, () => find(env)))
  const sources = Object.entries(needed.sources).map(([name, own]): Finding | Promise<Finding> => {
    const asked = options.sources[name]
    if (own.kind === 'asked' && asked === undefined) return { name: `source ${name}`, state: 'asked', says: `to be named: ${own.what}`, next: `--source ${name}=/path/or/url` }
    return attempt(`source ${name}`, () => {
      const source = effectiveSource(own, asked, options.refs[name], name)
      return source.kind === 'folder' ? source.folder : source.url
    })
  })
  const own = Object.keys(suite.options ?? {}).some((key) => options.own[key] !== undefined) ? [attempt('options', () => {
    suite.checkOptions?.(options.own)
    return 'can be taken'
  })] : []
  return { of: `suite ${suite.name}`, findings: await Promise.all([...programs, ...sources, ...own]) }
}

/** @throws UsageError when nothing can be written there, PrerequisiteError when there is too little room */
function room(variable: string, path: string): string {
  checkCanHold(variable, path)
  const toMake = topmostToMake(path)
  const there = toMake === undefined ? path : dirname(toMake)
  const { bavail, bsize } = statfsSync(there)
  const free = `${(bavail * bsize / 1e9).toFixed(1)} GB free`
  if (bavail * bsize < leastFree) throw new PrerequisiteError(`${there} has ${free}, and a stack may need ${leastFree / 1e9} GB`, `free some, or set ${variable} to another place`)
  return `${there}, ${free}`
}

async function attempt(name: string, find: () => string | Promise<string>): Promise<Finding> {
  try {
    return { name, state: 'there', says: await find() }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { name, state: 'missing', says: error.what, next: error.remedy }
  }
}

const signs = { there: '✓', missing: '✗', asked: '-' } as const

function textOf(sections: readonly Section[], missing: number): string {
  const width = Math.max(...sections.flatMap(({ findings }) => findings.map(({ name }) => name.length))) + 2
  const lines = sections.flatMap(({ of, findings }) => [
    of,
    ...findings.flatMap(({ name, state, says, next }) => [
      `  ${signs[state]} ${name.padEnd(width)}${says}`, ...(next === undefined ? [] : [`    ${''.padEnd(width)}next: ${next}`]),
    ]),
    '',
  ])
  const asked = sections.flatMap(({ findings }) => findings.filter(({ state }) => state === 'asked')).length
  const toName = asked === 0 ? '' : `; ${asked} ${asked === 1 ? 'source is' : 'sources are'} to be named`
  return [...lines, `${missing === 0 ? 'nothing is missing' : `${missing} ${missing === 1 ? 'thing is' : 'things are'} missing`}${toName}`].join('\n')
}
