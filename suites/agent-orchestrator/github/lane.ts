import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fail, VerdictError } from '../../../harness/verdict.ts'
import { showCli, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import { markDead } from '../own-parts.ts'
import type { World } from '../world.ts'
import { connectGitHub, type GitHub } from './client.ts'
import { standInGh, type GhState } from './gh.ts'
import { goEnvironment, startServer } from './start-server.ts'

/** The GitHub of one lane, and the daemon as one that knows no other. */
export class LaneGitHub {
  readonly github: GitHub
  readonly #gh: ReturnType<typeof standInGh>
  #ghState: GhState['state'] = 'empty'
  #started = false
  /** Where GitHub is, for every program that is to reach it. */
  readonly env: Readonly<Record<string, string>>
  readonly token = 'ghp_of_clone_smoke'
  readonly #stop: () => Promise<void>

  private constructor(world: World, server: Awaited<ReturnType<typeof startServer>>, requests: string) {
    this.github = connectGitHub(server.control, requests)
    this.env = { ...goEnvironment(server), AO_GITHUB_TOKEN: this.token }
    this.#gh = standInGh(join(world.daemon.root, 'bin'), join(world.daemon.root, 'gh-stand-in'), { state: 'empty' })
    this.#stop = () => server.stop()
  }

  static async of(world: World): Promise<LaneGitHub> {
    try {
      const directory = join(world.daemon.root, 'github')
      mkdirSync(directory, { recursive: true })
      const requests = world.daemon.keep(join(directory, 'requests.jsonl'), 'github', 'jsonl')
      return new LaneGitHub(world, await startServer(directory, world.daemon.env), requests)
    } catch (cause) {
      throw fail('harness-bug', `the fake GitHub cannot be started: ${String(cause)}`, { cause })
    }
  }

  stop(): Promise<void> {
    return this.#stop()
  }

  /** Puts the lane's `gh` into a state, which the lines of a start without a token tell. */
  setGh(state: GhState): void {
    this.#gh.set(state)
    this.#ghState = state.state
  }

  /** How `gh` was called. */
  ghCalls(): ReturnType<ReturnType<typeof standInGh>['calls']> {
    return this.#gh.calls()
  }

  /** Writes down how the daemon was started, where it was: all that a check of this lane tells needs that. */
  tellStart(exam: Exam): void {
    if (this.#started) exam.byHand(startLines({}, this.#ghState), [], true)
  }

  /** @param more on top of the environment; an empty text takes a token away */
  async start(exam: Exam, more: Readonly<Record<string, string>> = {}): Promise<void> {
    const env = { ...this.env, ...more }
    exam.byHand(startLines(more, this.#ghState), [], true)
    const started = await exam.daemon.start(env)
    if (started.exitCode !== 0) throw fail('restart', `the daemon does not start: ${showCli(started)}`, { evidence: [exam.daemon.logEvidence] })
    this.#started = true
  }

  /** Stops the daemon and starts it again, which makes it look at GitHub at once. @returns the mark before */
  async restart(exam: Exam, more: Readonly<Record<string, string>> = {}): Promise<number> {
    await exam.daemon.stop()
    const mark = await this.github.mark()
    await this.start(exam, more)
    return mark
  }
}

/** What is typed for a `gh` in a state: what makes it, what comes before `ao start`, what is said of it. */
const typedGh: Readonly<Record<GhState['state'], { readonly make: string; readonly before: string; readonly say: string }>> = {
  token: { make: '', before: '', say: 'gh is logged in, and GitHub was a stand-in: take a repository and a pull request of yours' },
  empty: { make: "mkdir -p bin; echo '#!/bin/sh' > bin/gh; chmod +x bin/gh\n", before: 'PATH="$PWD/bin:$PATH" ', say: 'a gh that prints nothing' },
  fails: { make: "mkdir -p bin; printf '#!/bin/sh\\nexit 1\\n' > bin/gh; chmod +x bin/gh\n", before: 'PATH="$PWD/bin:$PATH" ', say: 'a gh that is not logged in' },
  absent: { make: '', before: '', say: 'where no gh is on PATH' },
}

/** What starts the daemon again: one that runs does not take a token. The fake GitHub is gone when it is typed. */
function startLines(more: Readonly<Record<string, string>>, gh: GhState['state']): string {
  const all = { AO_GITHUB_TOKEN: '"$GITHUB_TOKEN"', ...more }
  const { make, before, say } = all.AO_GITHUB_TOKEN === '' ? typedGh[gh] : { make: '', before: '', say: 'GitHub was a stand-in: take a repository and a pull request of yours' }
  return `${make}ao stop; ${before}${Object.entries(all).map(([name, value]) => `${name}=${value} `).join('')}ao start --log-file daemon.log # ${say}`
}

export type GitHubWork = (exam: Exam, world: World, lane: LaneGitHub) => Promise<void>

const lanes = new WeakMap<World, LaneGitHub>()

/**
 * The checks of a lane that has a fake GitHub of its own; `[seconds, work]` by title. What a check finds counts only when
 * GitHub was sound until its end: otherwise the check ends with a verdict against clone-smoke, whatever AO did.
 */
export function gitHubChecks(checks: Readonly<Record<string, readonly [budget: number, work: GitHubWork]>>): AoChecks {
  return {
    ...Object.fromEntries(Object.entries(checks).map(([title, [budget, work]]) => [title, aoCheck(budget, async (exam, world) => {
      const lane = lanes.get(world) ?? await LaneGitHub.of(world)
      lanes.set(world, lane)
      await judged(exam, world, lane, work)
    })])),
    '0 GitHub is put away': aoCheck(10, async (_exam, world) => {
      await lanes.get(world)?.stop()
    }),
  }
}

/** Lets what is found count only when GitHub was there until the end. @throws VerdictError of clone-smoke's own when it was not */
export async function judged(exam: Exam, world: World, lane: LaneGitHub, work: GitHubWork): Promise<void> {
  try {
    const mark = await lane.github.mark()
    lane.tellStart(exam)
    try {
      await work(exam, world, lane)
    } finally {
      await lane.github.expectSound(mark)
    }
  } catch (error) {
    if (error instanceof VerdictError && error.verdict.class === 'harness-bug') {
      exam.forget()
      // What is judged at the end of the lane is judged by what these checks saw.
      markDead(world.daemon, error.verdict.diagnosis)
    }
    throw error
  }
}
