import { optionRows } from '../options/describe.ts'
import type { Surroundings } from './main.ts'
import { definitionsOf, findProject } from './project.ts'

const overview = `clone-smoke: does a fresh checkout of this really work?

  clone-smoke run [lane ...] [options]       run the lanes of a suite; without a lane, all of them
  clone-smoke plan [lane ...] [options]      say what a run would do, and make nothing; --json for programs
  clone-smoke doctor [options]               say whether this machine has what a run needs; --json for programs
  clone-smoke cleanup [path ...]             end what is left of earlier runs and remove it; --dry-run only lists it
  clone-smoke schema                         JSON Schema of smoke.config.ts

  clone-smoke run --help                     all options
  npx vitest run smoke                       the same as clone-smoke run, with SMOKE_* variables for options

exit codes: 0 all is well, 1 a lane failed or something was left, 2 bad input, 3 something is missing on this machine,
130, 143 and 129 after SIGINT, SIGTERM and SIGHUP`

const cleanupHelp = `clone-smoke cleanup [path ...] [--dry-run]

Ends what still runs of earlier runs and removes their workspaces and port locks: those at the given paths, or all in the
temp dir (TMPDIR). A run that lives is never touched, nor a directory that is no workspace.

  --dry-run    only say what would be removed`

const doctorHelp = `clone-smoke doctor [--suite <name>] [options of run] [--json]

Says whether this machine has what a run needs, of one suite or of all: programs with their versions, room on the disk,
the agent, the sources. What is missing comes with the command that brings it. Nothing is made; exit code 3 when
something is missing.`

/** Help for one command, or the overview. */
export async function helpText(args: readonly string[], { env, cwd, stdout }: Surroundings): Promise<string> {
  const [command = ''] = args
  if (command === 'cleanup') return cleanupHelp
  if (command === 'doctor') return doctorHelp
  if (command !== 'run' && command !== 'plan') return overview
  const own = await definitionsOf(findProject(cwd()), args, { env, cwd: cwd() })
  const rows = optionRows(own).map(({ flag, placeholder, fallback, help }) => [
    `${flag}${placeholder === '' ? '' : ` ${placeholder}`}`, `${help.replaceAll('`', '')}${fallback === '' ? '' : ` [${fallback}]`}`,
  ] as const)
  const column = Math.max(...rows.map(([flag]) => flag.length)) + 2
  const width = Math.max(60, Math.min(120, stdoutColumns(stdout)) - column - 2)
  return [
    command === 'run'
      ? 'clone-smoke run [lane ...] [options] [flags of vitest]\n\nRuns the lanes of a suite; without a lane, all of them. What a lane needs is brought up first.'
      : 'clone-smoke plan [lane ...] [options] [--json]\n\nSays what a run with these options would do. Nothing is made.',
    '', 'options (each also as SMOKE_<NAME> in the environment, or in smoke.config.ts):', '',
    ...rows.flatMap(([flag, help]) => wrap(help, width).map((line, index) => `  ${(index === 0 ? flag : '').padEnd(column)}${line}`)),
  ].join('\n')
}

const stdoutColumns = (stdout: Surroundings['stdout']): number => (stdout as { columns?: number }).columns ?? 120

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return [...lines, line]
}
