import { ErrorCode, ResultSchema } from '@modelcontextprotocol/sdk/types.js'

/** How long a tool may take, in milliseconds. */
const callTimeoutMs = 300_000

/** Answers tools/list and tools/call; results of the servers are handed on untouched. */
export async function answerRequest({ method, params }, catalog, signal) {
  if (method === 'tools/list') return { tools: [...catalog.values()].map(({ tool }) => tool) }
  if (method !== 'tools/call') throw rpcError(ErrorCode.MethodNotFound, `this proxy does not know the method ${method}`)
  const published = catalog.get(params?.name)
  if (!published) throw rpcError(ErrorCode.InvalidParams, `there is no tool ${params?.name}; there are ${[...catalog.keys()].sort().join(', ')}`)
  const target = route(published, params.arguments)
  try {
    return await target.server.client.request(
      { method, params: { name: target.tool, arguments: target.arguments ?? params.arguments } },
      ResultSchema, { signal, timeout: callTimeoutMs },
    )
  } catch (error) {
    // The SDK writes the code into the message of an error it received; the next one would write it again.
    throw rpcError(error.code, `${target.server.name}: ${error.message.replace(/^(MCP error -?\d+: )+/, '')}`)
  }
}

function route(published, args) {
  try {
    return published.route(args)
  } catch (error) {
    throw rpcError(ErrorCode.InvalidParams, error.message)
  }
}

const rpcError = (code, message) => Object.assign(new Error(message), { code })
