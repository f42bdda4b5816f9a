import { parseArgs } from 'node:util'
import { loadEnvironment, main } from '../lib/environment.mjs'
import { RestartError, restartStack } from '../lib/restart.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { timeout: { type: 'string', default: '30' } } })
  const seconds = Number(values.timeout)
  if (!(seconds > 0)) {
    console.error(`--timeout must be a number of seconds; it is ${values.timeout}`)
    return 2
  }
  try {
    await restartStack(loadEnvironment(), { timeoutMs: seconds * 1000, log: (line) => console.log(line) })
    return 0
  } catch (error) {
    if (!(error instanceof RestartError)) throw error
    // The reason comes last: it is what a person sees who only has the end of the output.
    console.error(error.logs)
    console.error(`[restart] failed: ${error.message}`)
    return 1
  }
})
