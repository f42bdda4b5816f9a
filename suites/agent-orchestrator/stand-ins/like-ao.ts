import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import getPort from 'get-port'
import { hasInEnvironment, identify, isAlive, readProcesses } from '../../../harness/processes/table.ts'
import { signalProcess } from '../../../harness/sandbox/finish.ts'
import { shellWord } from '../../../harness/shell-word.ts'
import type { Finding } from '../../../harness/suite.ts'
import { waitFor } from '../../../helpers/wait-for.ts'
import { routesIn } from '../capabilities.ts'
import { Daemon } from '../daemon.ts'
import { Exam, Seen, showCli } from '../exam.ts'
import type { AoChecks } from '../lanes/checks-lane.ts'
import { closedProxy } from '../outside.ts'
import { onOwnParts } from '../own-parts.ts'
import { World } from '../world.ts'

const program = fileURLToPath(new URL('ao.mjs', import.meta.url))

/** A daemon of ours in a directory of its own. */
export interface LikeAo {
  readonly daemon: Daemon
  readonly world: World
  /** What it says it answers; empty until it is started. */
  readonly routes: string[]
  /** How often its observer of pull requests, or its reaper, has come round. */
  readonly rounds: () => number
  /** Ends it and all it made. */
  readonly remove: () => Promise<void>
}

/** A program in a directory that is like AO's: command line and daemon. */
export function likeAoProgram(directory: string): string {
  const binary = join(directory, 'like-ao')
  writeFileSync(binary, `#!/bin/sh\nexec ${shellWord(process.execPath)} ${shellWord(program)} "$@"\n`)
  chmodSync(binary, 0o755)
  return binary
}

/**
 * @param faults promises it is to break, by the names in ao.mjs and pull-requests.mjs, with commas between
 * @param more on top of its environment
 */
export async function likeAo(faults = '', more: Readonly<Record<string, string>> = {}): Promise<LikeAo> {
  const outside = await closedProxy()
  const root = mkdtempSync(join(tmpdir(), 'a o-'))
  const binary = likeAoProgram(root)
  // A real one looks every 30 s.
  const own = { AO_LIKE_FAULT: faults, AO_LIKE_TICK: '100', ...(faults !== 'local-time' && { TZ: 'UTC' }), ...more }
  const daemon = new Daemon({ root: join(root, 'd'), binary, port: await getPort(), terminal: 'zellij', env: { PATH: process.env.PATH ?? '' }, proxy: outside.url, more: own })
  const ticks = join(daemon.data, 'ticks')
  const routes: string[] = []
  return {
    daemon, routes, world: new World(daemon, { terminal: 'zellij', routes, schema: 0 }, outside.asked),
    rounds: () => existsSync(ticks) ? statSync(ticks).size : 0,
    remove: async () => {
      await daemon.stop()
      outside.close()
      await Promise.all((await daemon.terminals.list()).map((name) => daemon.terminals.kill(name)))
      // One that was told not to end may have no run file any more.
      const left = readProcesses().filter(({ pid }) => hasInEnvironment(pid, 'AO_DATA_DIR', daemon.data)).flatMap(({ pid }) => identify(pid) ?? [])
      for (const one of left) signalProcess(one, 'SIGKILL')
      await waitFor(() => left.some(isAlive) ? undefined : true, { deadlineMs: 10_000, otherwise: () => new Error(`of ${daemon.root} lives ${left.map(({ pid }) => pid).join(', ')}`) })
      await waitFor(() => {
        try {
          rmSync(root, { recursive: true, force: true })
          return true
        } catch {
          return undefined
        }
      }, { deadlineMs: 10_000, otherwise: () => new Error(`${root} cannot be removed`) })
    },
  }
}

/** What checks found, and which could not be judged. */
export interface Examined {
  readonly found: (Finding & { readonly check: string })[]
  readonly thrown: { readonly check: string; readonly error: unknown }[]
}

/** Runs checks one after another, as a lane does. */
export async function examine({ daemon, world }: LikeAo, checks: AoChecks, titles: readonly string[] = Object.keys(checks)): Promise<Examined> {
  const seen = new Seen()
  const found: Examined['found'] = []
  const thrown: Examined['thrown'] = []
  for (const title of titles) {
    const check = checks[title]
    if (!check) throw new Error(`there is no check ${title}`)
    const exam = new Exam(daemon, seen, title, (finding) => found.push({ ...finding, check: title }))
    await onOwnParts(exam, () => check.work(exam, world)).catch((error: unknown) => { thrown.push({ check: title, error }) })
    exam.flush()
  }
  return { found, thrown }
}

/** Starts it as its checks expect it. @throws Error with what it says when it does not start */
export async function startLikeAo({ daemon, routes }: LikeAo): Promise<void> {
  const started = await daemon.start()
  if (started.exitCode !== 0) throw new Error(`the daemon of ours does not start: ${showCli(started)}; its log: ${daemon.logText()}`)
  const openapi = await fetch(`http://127.0.0.1:${daemon.port}/api/v1/openapi.yaml`)
  routes.splice(0, routes.length, ...routesIn(await openapi.text()))
}
