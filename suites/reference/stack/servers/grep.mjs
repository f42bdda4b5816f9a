import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'
import { stackDir } from '../lib/environment.mjs'

const most = 200
const server = new McpServer({ name: 'grep', version: '1.0.0' })

server.registerTool('grep', {
  description: 'Searches tracked files with git grep',
  inputSchema: { pattern: z.string().min(1).describe('extended regular expression'), path: z.string().default('.').describe('where to search') },
  annotations: { readOnlyHint: true },
}, async ({ pattern, path }) => {
  try {
    const { stdout } = await promisify(execFile)('git', ['grep', '--line-number', '-I', '-E', '-e', pattern, '--', path], { cwd: stackDir, maxBuffer: 2 ** 24 })
    const lines = stdout.trimEnd().split('\n')
    const matches = lines.slice(0, most).map((line) => {
      const [, file, number, text] = /^(.*?):(\d+):(.*)$/.exec(line) ?? [null, line, '0', '']
      return { file, line: Number(number), text: text.slice(0, 300) }
    })
    return answer({ matches, truncated: lines.length > most })
  } catch (error) {
    // Exit code 1 says that nothing was found; anything else is an error.
    if (error.code === 1) return answer({ matches: [], truncated: false })
    return { content: [{ type: 'text', text: `git grep failed: ${error.stderr || error.message}` }], isError: true }
  }
})

const answer = (value) => ({ content: [{ type: 'text', text: JSON.stringify(value) }] })

await server.connect(new StdioServerTransport())
