import { execa } from 'execa'
import { PrerequisiteError } from '../harness/errors.ts'

/**
 * The version that `<program> --version` names, on the PATH of `env`; its own home, so that version managers find what they manage.
 * @param remedy the command that brings the program
 * @param args instead of `--version`
 * @throws PrerequisiteError when it cannot be run
 */
export async function versionOnPath(program: string, remedy: string, env: NodeJS.ProcessEnv, args: readonly string[] = ['--version']): Promise<string> {
  const { stdout, stderr, failed } = await execa(program, [...args], {
    reject: false, stdin: 'ignore', env: { PATH: env.PATH, HOME: env.HOME }, extendEnv: false, timeout: 20_000,
  })
  if (failed) throw new PrerequisiteError(`${program} is not on PATH`, remedy)
  return /\d+(?:\.\d+)+/.exec(`${stdout}\n${stderr}`)?.[0] ?? ''
}
