import { comes } from '../comes.ts'
import { describeRequest, type Check } from '../github/client.ts'
import type { GitHubWork, LaneGitHub } from '../github/lane.ts'
import { fail } from '../../../harness/verdict.ts'
import { pullsOf, type AoPull } from '../github/seen-by-ao.ts'
import type { Exam } from '../exam.ts'
import type { World } from '../world.ts'

/** How long the observer may take to look again, by its own documentation 30 s, and to tell what it saw. Milliseconds. */
export const tick = 40_000
/** How long it may take to tell what it has just been answered. Milliseconds. */
export const soon = 12_000
/** How long is waited for what is not to happen. Milliseconds. */
export const never = 2500

export const repo = 'acme/ws'
export const log = ['first line of the job', ...Array.from({ length: 200 }, (_, line) => `step ${line + 1} is fine`), 'FAIL suites/login.test.ts > logs in', '\u001b[31mexpected 200, got 500\u001b[0m', 'the last line of the job'].join('\n')
export const build = (state: Check['state'], text = log): Check => ({ name: 'build', state, log: text })
export const ciNudge = /\bCI\b.*fail/i

export const branchOf = (name: string): string => `feat/${name.replaceAll(/[ /]/g, '-')}`
export const remember = (world: World, name: string): string => needs(world, `session ${name}`)

export async function spawnOn(exam: Exam, world: World, name: string, project = 'ws'): Promise<void> {
  world.memory.set(`session ${name}`, await world.session(exam, { project, harness: 'kimi', branch: branchOf(name) }))
}

export const onlyPull = async (exam: Exam, session: string): Promise<AoPull | undefined> => (await pullsOf(exam, session))[0]
export const shown = (pull: AoPull | undefined): string => pull === undefined ? 'no pull request' : JSON.stringify(pull)
export const fits = (pull: AoPull | undefined, want: Partial<AoPull>): boolean => pull !== undefined && Object.entries(want).every(([key, value]) => pull[key as keyof AoPull] === value)

/** Waits until a session's pull request is told as `want` says, and finds it wanting otherwise. */
export async function expectPull(exam: Exam, world: World, name: string, id: string, promised: string, want: Partial<AoPull>, deadlineMs = soon, severity?: 'high' | 'low'): Promise<boolean> {
  let last: AoPull | undefined
  const came = await comes(async () => fits(last = await onlyPull(exam, remember(world, name)), want), deadlineMs)
  return exam.expect(came, id, promised, () => `session ${remember(world, name)} on ${branchOf(name)}: wanted ${JSON.stringify(want)}, AO tells ${shown(last)}`, severity)
}

/**
 * Looks at what comes of something that is done on GitHub; the lines of what is found have that, the sessions that are there before,
 * and nothing that the check did otherwise.
 */
export const onGitHub = <T>(exam: Exam, world: World, names: readonly string[], happens: string, work: () => Promise<T>): Promise<T> => exam.one(() => {
  exam.byHand(`# on GitHub: ${happens}`, names.map((name) => remember(world, name)))
  exam.byHand(`sleep ${tick / 1000}`)
  return work()
})

/** What GitHub was asked since a mark, the newest last. */
export const asked = async ({ github }: LaneGitHub, mark: number): Promise<string> => (await github.log(mark)).requests.map(describeRequest).slice(-12).join('; ') || 'nothing'

/**
 * Makes the daemon look at what it knows, and waits until it has. One that keeps its sessions over a restart looks at once
 * when it is started; one that ends and restores them looks at its next tick, with or without a restart.
 * @returns the mark before
 */
export async function look(exam: Exam, world: World, lane: LaneGitHub): Promise<number> {
  const mark = world.can.terminal === 'tmux' ? await lane.github.mark() : await lane.restart(exam)
  await comes(async () => (await lane.github.log(mark)).requests.some(({ route, status }) => route === 'graphql:pull-requests' && status !== undefined), tick)
  return mark
}

/** @throws VerdictError when an earlier check did not come as far as this one needs */
export function needs(world: World, what: string): string {
  const value = world.memory.get(what)
  if (value === undefined) throw fail('check-failed', `this check needs what an earlier one did not come to: ${what}`)
  return value
}

/** What the daemon wrote into its log from `offset` on, as far as it tells of trouble. */
export const complaints = (exam: Exam, offset: number): string[] => exam.daemon.logText().slice(offset).split('\n').filter((line) => /level=(?:WARN|ERROR)/.test(line) && /scm|github/i.test(line))

/** What must hold of all that a lane's daemon asked. */
export const goodManners: Readonly<Record<string, readonly [number, GitHubWork]>> = {
  '6 GitHub is asked as it wants to be, and nobody else is': [20, async (exam, _world, lane) => {
    const { requests, refused } = await lane.github.log()
    exam.expect(refused.length === 0, 'egress', 'AO reaches out to no host but GitHub', [...new Set(refused.map(({ target }) => target))].join(', '))
    const wrong = requests.filter((request) => request.complaints.length > 0)
    exam.expect(wrong.length === 0, 'bad-request', 'each request has a token, a User-Agent, and an Accept and version that GitHub knows; the token goes to GitHub alone', wrong.map((request) => `${describeRequest(request)}: ${request.complaints.join(', ')}`).join('; '))
  }],
}
