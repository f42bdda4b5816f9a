import { Refusal, UsageError } from '../errors.ts'
import { cleanup } from './cleanup.ts'
import { doctor } from './doctor.ts'
import { helpText } from './help.ts'
import { plan } from './plan.ts'
import { run } from './run.ts'
import { schema } from './schema.ts'

/** What a command needs of the world. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv
  readonly cwd: () => string
  readonly stdout: { readonly isTTY?: boolean; write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

type Command = (args: readonly string[], around: Surroundings) => Promise<number>

const commands: Readonly<Record<string, Command>> = { run, plan, doctor, cleanup, schema }

/** The program `clone-smoke`. Returns its exit code: 0 all is well, 1 a lane failed, 2 bad input, 3 something is missing, 128 + signal. */
export async function main(args: readonly string[], around: Surroundings): Promise<number> {
  const [name = '--help', ...rest] = args
  try {
    if (name === '--help' || name === '-h' || name === 'help') {
      around.stdout.write(`${await helpText(rest, around)}\n`)
      return 0
    }
    const command = Object.hasOwn(commands, name) ? commands[name] : undefined
    if (!command) throw unknownCommand(name)
    if (rest.includes('--help') || rest.includes('-h')) {
      around.stdout.write(`${await helpText([name, ...rest], around)}\n`)
      return 0
    }
    return await command(rest, around)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    around.stderr.write(`clone-smoke: ${error.message}\n`)
    return error.exitCode
  }
}

function unknownCommand(name: string): UsageError {
  return new UsageError(`there is no command ${JSON.stringify(name)}`, `one of ${Object.keys(commands).join(', ')}; to run lanes: npx clone-smoke run ${name}`)
}
