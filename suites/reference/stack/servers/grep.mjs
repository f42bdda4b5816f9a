import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { stackDir } from '../lib/environment.mjs'
import { answer, serveTools } from '../lib/serve-tools.mjs'

const most = 200
const timeoutMs = 20_000

await serveTools('grep', [{
  name: 'grep', description: 'Searches tracked files with git grep', annotations: { readOnlyHint: true },
  inputSchema: {
    type: 'object',
    properties: {
      pattern: { type: 'string', minLength: 1, description: 'extended regular expression' },
      path: { type: 'string', default: '.', description: 'where to search' },
    },
    required: ['pattern'],
  },
  call: async ({ pattern, path = '.' }) => {
    if (typeof pattern !== 'string' || pattern === '') throw new Error(`pattern must be a text that is not empty; it is ${JSON.stringify(pattern)}`)
    const lines = await gitGrep(pattern, String(path))
    const matches = lines.slice(0, most).map((line) => {
      const [, file, number, text] = /^(.*?)\0(\d+)[\0:](.*)$/.exec(line) ?? [null, line, '0', '']
      return { file, line: Number(number), text: text.slice(0, 300) }
    })
    return answer({ matches, truncated: lines.length > most })
  },
}])

async function gitGrep(pattern, path) {
  const args = ['grep', '--null', '--line-number', '-I', '-E', '-e', pattern, '--', path]
  try {
    const { stdout } = await promisify(execFile)('git', args, { cwd: stackDir, maxBuffer: 2 ** 24, timeout: timeoutMs })
    return stdout.trimEnd().split('\n')
  } catch (error) {
    // Exit code 1 says that nothing was found; anything else is an error.
    if (error.code === 1) return []
    throw new Error(`git ${args.join(' ')} failed: ${error.killed ? `not done within ${timeoutMs / 1000} s` : error.stderr || error.message}`)
  }
}
