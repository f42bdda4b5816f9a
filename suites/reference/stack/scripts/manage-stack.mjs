import { parseArgs } from 'node:util'
import { loadEnvironment, main, StackError } from '../lib/environment.mjs'
import { manageStack } from '../lib/manage-stack.mjs'

await main(async () => {
  const { values } = parseArgs({ options: { operation: { type: 'string' }, params: { type: 'string', default: '{}' } } })
  const answer = await manageStack({ operation: values.operation, params: parse(values.params) }, loadEnvironment(), (line) => console.error(line))
  console.log(JSON.stringify(answer, null, 2))
  return answer.status === 'ok' ? 0 : 1
})

function parse(text) {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new StackError(`--params must be JSON: ${error.message}; e.g. --operation remove_server --params '{"name":"memory"}'`)
  }
}
