import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { UsageError } from '../errors.ts'
import { nearestOf } from '../options/nearest.ts'
import { watchParent } from '../processes/watch-parent.ts'
import type { Surroundings } from './main.ts'
import { readInvocation, vitestProgram, type Invocation } from './project.ts'

/** `clone-smoke run [lane ...] [options] [flags of vitest]`: lanes by their names, all of them when none is given. */
export async function run(args: readonly string[], around: Surroundings): Promise<number> {
  const invocation = await readInvocation(args, around)
  return runVitest(invocation, ['run', ...await filters(invocation.rest, invocation.lanes)], 'inherit')
}

const placeholder = 'any-word-of-a-user'

/** A lane's name becomes the filter that means its file alone; a run without a filter means the lanes, and not the self tests. */
export async function filters(rest: readonly string[], lanes: readonly string[]): Promise<string[]> {
  // Only vitest knows which words are values of its flags: a word is a filter if another one in its place would be.
  const { parseCLI } = await import('vitest/node')
  const filtersOf = (words: readonly string[]): readonly string[] => parseCLI(['vitest', 'run', ...words]).filter
  const isFilter = (at: number): boolean => filtersOf(rest.with(at, placeholder)).includes(placeholder)
  const unknown = rest.find((word, at) => /^[a-z][a-z0-9-]*$/i.test(word) && isFilter(at) && ![...lanes, 'smoke'].includes(word))
  if (unknown !== undefined) {
    const nearest = nearestOf(unknown, lanes)
    throw new UsageError(`there is no lane ${JSON.stringify(unknown)}`, nearest === undefined ? `lanes: ${lanes.join(', ')}` : `did you mean ${nearest}?`)
  }
  const words = rest.map((word, at) => lanes.includes(word) && isFilter(at) ? `/${word}.smoke` : word)
  return filtersOf(rest).length > 0 ? words : ['smoke', ...words]
}

/** Starts vitest where the project is; passes signals on, and returns what a shell would call its exit code. */
export function runVitest({ root, env }: Invocation, args: readonly string[], stdout: 'inherit' | 'ignore'): Promise<number> {
  const child = spawn(process.execPath, [vitestProgram(root), ...args], { cwd: root, env, stdio: ['inherit', stdout, 'inherit'] })
  // Ctrl+C reaches vitest by itself, which then has much to do: this program must be there until it is done.
  const pass = (signal: NodeJS.Signals): void => { child.kill(signal) }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  for (const signal of signals) process.on(signal, pass)
  const watch = watchParent(() => { pass('SIGTERM') })
  return new Promise<number>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => { resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']) })
  }).finally(() => {
    clearInterval(watch)
    for (const signal of signals) process.off(signal, pass)
  })
}
