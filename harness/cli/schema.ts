import { configJsonSchema } from '../options/describe.ts'
import type { Surroundings } from './main.ts'
import { definitionsOf, findProject } from './project.ts'

/** `clone-smoke schema`: the JSON Schema of smoke.config.ts, with the options that suites declare. */
export async function schema(args: readonly string[], { env, cwd, stdout }: Surroundings): Promise<number> {
  const own = await definitionsOf(findProject(cwd()), args, { env, cwd: cwd() })
  stdout.write(`${JSON.stringify(configJsonSchema(own), null, 2)}\n`)
  return 0
}
