import { statSync } from 'node:fs'
import { basename, isAbsolute, relative, resolve } from 'node:path'
import { readProcess } from '../processes/table.ts'
import { excerpt } from '../redaction/excerpt.ts'
import { readTail } from './log-tails.ts'
import { homeOfDaemon, type Pm2App, type Pm2Daemon } from './pm2.ts'
import { describeHolder, type PortHolder } from './ports.ts'
import type { InitializeProbe } from './probe.ts'
import { familyOf, type ProcessDetails } from './process-details.ts'
import type { SandboxView, StackDescription } from './stack.ts'

/** What was found of a stack; a part that failed is undefined. */
export interface Findings {
  readonly processes: readonly ProcessDetails[] | undefined
  readonly holders: readonly PortHolder[] | undefined
  readonly pm2: Pm2Daemon | undefined
  readonly probes: Readonly<Record<string, InitializeProbe>> | undefined
}

export interface KnownCause {
  /** One sentence. */
  readonly cause: string
  readonly remedy?: string
}

/** Why the stack does not work, most telling cause first; undefined when nothing known is to be seen. */
export function knownCause(found: Findings, view: SandboxView, stack: StackDescription): KnownCause | undefined {
  const looks: readonly (readonly [cause: string | undefined, remedy?: string])[] = [
    [strangerOnPort(found, view)], [otherPort(found, view)],
    [otherHome(found, stack), 'hand the environment on to whatever starts pm2: PM2_HOME did not reach it'],
    [brokenDaemon(found, stack), 'find out who ended it, or run again: an empty pm2 home starts another'],
    [failingApp(found)],
    [olderThanConfig(found, view, stack), 'let the restart replace the process, or write the configuration before it'],
    [wrongStatus(found)],
  ]
  const [cause, remedy] = looks.find(([text]) => text !== undefined) ?? []
  return cause === undefined ? undefined : { cause, ...(remedy !== undefined && { remedy }) }
}

function strangerOnPort({ holders = [] }: Findings, { ports }: SandboxView): string | undefined {
  const stranger = holders.find(({ ours }) => !ours)
  const name = Object.keys(ports).find((key) => ports[key] === stranger?.port)
  return stranger && `port ${stranger.port}${name === undefined ? '' : ` (${name})`} is held by ${describeHolder(stranger)}, which is not the sandbox's`
}

function otherPort({ holders = [] }: Findings, { ports }: SandboxView): string | undefined {
  const strays = holders.filter(({ ours, port }) => ours && !Object.values(ports).includes(port))
  if (strays.length === 0) return undefined
  const given = Object.entries(ports).map(([name, port]) => `${port} (${name})`).join(', ')
  return `the stack was given port ${given} but listens on ${strays.map((stray) => `${stray.port}: ${describeHolder(stray)}`).join(', ')}`
}

/** A daemon of the sandbox that keeps its files elsewhere. */
function otherHome({ processes = [] }: Findings, { pm2Home }: StackDescription): string | undefined {
  if (pm2Home === undefined) return undefined
  const [stray] = processes.flatMap((info) => {
    const home = homeOfDaemon(info)
    return home === undefined || home === resolve(pm2Home) ? [] : [{ pid: info.pid, home }]
  })
  return stray && `the pm2 daemon ${stray.pid} runs in ${stray.home}, and not in the stack's own pm2 home ${pm2Home}`
}

function brokenDaemon({ pm2 }: Findings, { pm2Home = '' }: StackDescription): string | undefined {
  if (pm2?.kind === 'half-dead') return `the pm2 daemon ${pm2.pid} lives but does not answer: ${pm2.why}`
  if (pm2?.kind !== 'dead') return undefined
  const info = readProcess(pm2.pid)
  return info === undefined || info.zombie
    ? `the pm2 daemon is dead: ${pm2Home}/pm2.pid names process ${pm2.pid}, which no longer runs`
    : `the pm2 daemon is dead: ${pm2Home}/pm2.pid names process ${pm2.pid}, which is another program now`
}

/** An app that has started this often, and last so short a time ago, does not stay up. Restarts, milliseconds. */
const loop = { restarts: 3, unstable: 2, recentMs: 15_000 }

/** True when an app ends again and again: pm2 counts that itself, but only runs shorter than `min_uptime`. */
export function crashLoops(app: Pm2App): boolean {
  if (app.unstableRestarts >= loop.unstable || app.status === 'waiting restart') return true
  const recent = app.startedAt !== undefined && Date.now() - app.startedAt < loop.recentMs
  // Without an exit code it was restarted by somebody, not by its end.
  return app.restarts >= loop.restarts && recent && app.exitCode !== undefined && app.exitCode !== 0
}

function failingApp({ pm2 }: Findings): string | undefined {
  if (pm2?.kind !== 'answers') return undefined
  const errored = pm2.apps.find(({ status }) => status === 'errored')
  if (errored) return `the app ${errored.name} is errored: pm2 gave it up after ${errored.restarts} restarts${whatItSays(errored)}`
  const looping = pm2.apps.find(crashLoops)
  if (looping) return `the app ${looping.name} crash-loops: ${looping.restarts} restarts, now ${looping.status}${whatItSays(looping)}`
  const ended = pm2.apps.find(({ status, exitCode }) => status === 'stopped' && exitCode !== undefined && exitCode !== 0)
  return ended && `the app ${ended.name} ended with ${String(ended.exitCode)} and is stopped${whatItSays(ended)}`
}

/** The first error in an app's log. An EPIPE comes of a reader that has gone, so it never is the cause. */
function whatItSays({ errorLog, outLog }: Pm2App): string {
  const lines = [errorLog, outLog].flatMap((file) => (file === undefined ? [] : (readTail(file)?.lines ?? [])))
  const errors = lines.map((line) => line.trim()).filter((line) => looksLikeError(line))
  const first = errors.find((line) => !/\bEPIPE\b/.test(line))
  const pipe = errors.some((line) => /\bEPIPE\b/.test(line))
  if (first !== undefined) return `; its log says: ${excerpt(first, 200)}${pipe ? ' (the write EPIPE in it is secondary)' : ''}`
  return pipe ? '; its log has nothing but write EPIPE, which is secondary: somebody who read its output has gone' : ''
}

function looksLikeError(line: string): boolean {
  return !/^at\s/.test(line) && !/^(throw|file:|node:|\^|Node\.js v)/.test(line)
    && /\w*Error\b|\w+Exception\b|\b(fatal|panic|cannot|failed|refused|not found|no such)\b|\bE[A-Z]{4,}\b/i.test(line)
}

/** Written this much later than the start of a process, a file was not what it read. Milliseconds. */
const clearlyLaterMs = 1000

/** A process that runs with a configuration file which was written after its start. */
function olderThanConfig({ pm2, processes = [] }: Findings, { root }: SandboxView, { pm2Home }: StackDescription): string | undefined {
  const apps = pm2?.kind === 'answers' ? pm2.apps : []
  const family = pm2?.kind === 'answers' ? familyOf(pm2.pid, processes) : undefined
  for (const info of processes) {
    if (family && (!family.has(info.pid) || (pm2?.kind === 'answers' && info.pid === pm2.pid))) continue
    const named = [...(info.environment ?? [])].filter(([name]) => /CONF/i.test(name) && !name.startsWith('pm_')).map(([, value]) => value)
    const given = [...(apps.find(({ pid }) => pid === info.pid)?.args ?? []), ...info.command.split(' ')]
      .map((word) => word.replace(/^--?[\w-]+=/, '')).filter((word) => /\.(json5?|ya?ml|toml|ini|conf|env)$/.test(word))
    for (const path of [...named, ...given]) {
      if (!isAbsolute(path) || !resolve(path).startsWith(`${root}/`)) continue
      if (pm2Home !== undefined && resolve(path).startsWith(`${resolve(pm2Home)}/`)) continue
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat?.isFile() !== true || stat.mtimeMs < info.startedAt + clearlyLaterMs) continue
      const app = apps.find(({ pid }) => pid === info.pid)?.name ?? basename(info.command.split(' ')[0] ?? '')
      return `process ${info.pid} (${app}) is older than its configuration: ${relative(root, path)} was written ${((stat.mtimeMs - info.startedAt) / 1000).toFixed(1)} s after it started`
    }
  }
  return undefined
}

function wrongStatus({ probes = {} }: Findings): string | undefined {
  const [name, probe] = Object.entries(probes).find(([, { ok, status }]) => !ok && status !== undefined) ?? []
  if (probe === undefined) return undefined
  const body = excerpt((probe.body ?? '').replaceAll(/\s+/g, ' ').trim(), 200)
  return `the endpoint ${name ?? ''} answers initialize with HTTP ${probe.status ?? ''}${body === '' ? ' and no body' : `: ${body}`}`
}
