import { StackError } from './environment.mjs'

const params = {
  query: { type: 'string', description: 'words that name, description or tags must contain' },
  tags: { type: 'array', items: { type: 'string' }, description: 'tags that the server must have' },
  limit: { type: 'integer', minimum: 1, description: 'how many servers at most' },
  name: { type: 'string', description: 'install_server: a server of the catalog; remove_server: an installed one' },
  target_name: { type: 'string', description: 'the name to install under; its tools appear as <target_name>__<tool>' },
  force: { type: 'boolean', description: 'replace what is installed under that name' },
  dry_run: { type: 'boolean', description: 'say what would be written, and write nothing' },
}

/** Which parameters each operation knows, and which it needs. */
const operations = {
  discover_servers: { knows: ['query', 'tags', 'limit', 'dry_run'] },
  list_discovered_servers: { knows: ['dry_run'] },
  install_server: { knows: ['name', 'target_name', 'force', 'dry_run'], needs: 'name', restarts: true },
  remove_server: { knows: ['name', 'dry_run'], needs: 'name', restarts: true },
  run_reconciler: { knows: ['dry_run'], restarts: true },
}

export const manageStackTool = {
  name: 'manage_stack',
  description: `Discovers, installs and removes the MCP servers of this stack. ${Object.entries(operations).map(([name, { knows }]) => `${name}: ${knows.join(', ')}`).join('. ')}`,
  inputSchema: {
    type: 'object',
    properties: {
      operation: { type: 'string', enum: Object.keys(operations) },
      params: { type: 'object', properties: params },
    },
    required: ['operation'],
  },
  annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: false },
}

/** Whether a call may restart the proxy. */
export const restarts = ({ operation, params: given }) => Boolean(operations[operation]?.restarts) && given?.dry_run !== true

/** @throws StackError naming the operation or parameter that is wrong, and what would be right */
export function checkArguments({ operation, params: given = {} }) {
  if (!Object.hasOwn(operations, String(operation))) {
    throw new StackError(`operation must be one of ${Object.keys(operations).join(', ')}; it is ${JSON.stringify(operation)}`)
  }
  if (typeOf(given) !== 'object') throw new StackError(`params must be an object; it is ${JSON.stringify(given)}`)
  const { knows, needs } = operations[operation]
  for (const [key, value] of Object.entries(given)) {
    if (!knows.includes(key)) throw new StackError(`${operation} has no parameter ${key}; it has ${knows.join(', ')}`)
    if (typeOf(value) !== params[key].type) throw new StackError(`${operation}: ${key} must be of type ${params[key].type}; it is ${JSON.stringify(value)}`)
  }
  if (needs && !given[needs]) throw new StackError(`${operation} needs the parameter ${needs}`)
}

function typeOf(value) {
  if (Array.isArray(value)) return 'array'
  if (Number.isInteger(value)) return 'integer'
  return value === null ? 'null' : typeof value
}
