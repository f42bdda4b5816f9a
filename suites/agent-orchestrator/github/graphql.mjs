import { Kind, execute, parse, validate, visit } from 'graphql'
import { rootOf, schema } from './schema.mjs'

/** What a query is after, from what it asks for: GitHub's clients name their queries seldom. */
function describe(document, variables = {}) {
  const fields = new Set()
  const pulls = []
  let paged = false
  const value = (node, name) => {
    const given = node.arguments?.find((argument) => argument.name.value === name)?.value
    return given?.kind === Kind.VARIABLE ? variables[given.name.value] : given?.value
  }
  const repositories = []
  visit(document, {
    Field: {
      enter: (node) => {
        fields.add(node.name.value)
        if (node.name.value === 'repository') repositories.push(`${value(node, 'owner')}/${value(node, 'name')}`)
        if (node.name.value === 'pullRequest') pulls.push(`${repositories.at(-1)}#${value(node, 'number')}`)
        // A literal null has no value either.
        if (node.name.value === 'contexts' && (value(node, 'after') ?? null) !== null) paged = true
      },
    },
  })
  const operation = paged ? 'check-contexts' : fields.has('reviewThreads') && !fields.has('statusCheckRollup') ? 'review-threads' : pulls.length > 0 ? 'pull-requests' : 'other'
  return { operation, pulls }
}

/** Reads a query; `problem` says why GitHub would refuse it, as errors in its envelope. */
export function readQuery(body) {
  try {
    const { query, variables } = JSON.parse(body)
    if (typeof query !== 'string') return { operation: 'other', pulls: [], problem: [{ message: 'A query attribute must be specified and must be a string.' }] }
    const document = parse(query)
    const errors = validate(schema, document)
    return { ...describe(document, variables), document, variables, ...(errors.length > 0 && { problem: errors.map(inEnvelope) }) }
  } catch (error) {
    if (error instanceof SyntaxError) return { operation: 'other', pulls: [], problem: undefined, notJson: true }
    return { operation: 'other', pulls: [], problem: [inEnvelope(error)] }
  }
}

/** Answers a query that was read without a problem. */
export async function answerQuery(world, token, { document, variables }) {
  const { data, errors } = await execute({ schema, document, rootValue: rootOf(world, token), variableValues: variables })
  return { data, ...(errors !== undefined && { errors: errors.map(inEnvelope) }) }
}

/** GitHub puts the type of an error beside its message. */
function inEnvelope(error) {
  const { message, locations, path, extensions = {} } = typeof error.toJSON === 'function' ? error.toJSON() : { message: error.message }
  const { type, ...rest } = extensions
  return { ...(type !== undefined && { type }), ...(path !== undefined && { path }), ...(Object.keys(rest).length > 0 && { extensions: rest }), ...(locations !== undefined && { locations }), message }
}
