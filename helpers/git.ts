import { execa } from 'execa'
import { fail } from '../harness/verdict.ts'

/** Far beyond what git needs for a large clone on a loaded machine; only one that hangs takes so long. Milliseconds. */
const statusMs = 60_000

export interface StatusOptions {
  /** Ignored files count too (default): a clone that keeps logs or settings in its own tree sets it to false. */
  readonly ignored?: boolean
}

/** Changed, untracked and ignored files of a working tree, as `git status --porcelain` names them. Empty means clean. */
export async function gitStatus(directory: string, env: Readonly<Record<string, string>>, { ignored = true }: StatusOptions = {}): Promise<string[]> {
  const { stdout } = await execa('git', ['-c', 'core.fsmonitor=false', 'status', '--porcelain', '--untracked-files=all', ...(ignored ? ['--ignored'] : [])], {
    cwd: directory, env: { ...env }, extendEnv: false, stdin: 'ignore', timeout: statusMs,
  })
  return stdout.split('\n').filter((line) => line !== '')
}

/** @throws VerdictError of class dirty-repo naming the files */
export async function expectCleanRepository(
  name: string, directory: string, env: Readonly<Record<string, string>>, options: StatusOptions = {},
): Promise<void> {
  const changed = await gitStatus(directory, env, options)
  if (changed.length === 0) return
  throw fail('dirty-repo', `the ${name} clone is not clean: ${changed.slice(0, 10).join(', ')}${changed.length > 10 ? ` and ${changed.length - 10} more` : ''}`, {
    remedy: `see \`git -C ${directory} diff\`; generated files belong in the config home`,
  })
}
