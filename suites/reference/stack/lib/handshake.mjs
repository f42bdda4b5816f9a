import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StackError } from './environment.mjs'

/** Starts a server once, asks for its tools, and ends it. @throws StackError when it does not answer */
export async function listToolsOf(name, { command, args, env, cwd }, timeoutMs = 30_000) {
  const client = new Client({ name: 'reference-stack-installer', version: '1.0.0' })
  const transport = new StdioClientTransport({ command, args, env: { ...process.env, ...env }, cwd, stderr: 'pipe' })
  let said = ''
  transport.stderr.on('data', (chunk) => { said += chunk })
  try {
    await client.connect(transport, { timeout: timeoutMs })
    return (await client.listTools({}, { timeout: timeoutMs })).tools
  } catch (error) {
    throw new StackError(`${name} does not answer as an MCP server: ${error.message}; it said: ${said.trim().slice(-300) || '(nothing)'}`)
  } finally {
    await client.close().catch(() => undefined)
  }
}
