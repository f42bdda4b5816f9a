import { fail } from '../../harness/verdict.ts'

interface PublishedTool {
  readonly name: string
  readonly inputSchema: unknown
}

/**
 * JSON Schema wants the entries of `enum` and `required` to be different from each other; a model that is offered one
 * such tool refuses the whole request. @throws VerdictError of class catalog naming tool, place and value
 */
export function expectSoundSchemas(tools: readonly PublishedTool[]): void {
  const problems = tools.flatMap(({ name, inputSchema }) => repeatsIn(inputSchema).map((problem) => `${name}: ${problem}`))
  if (problems.length === 0) return
  throw fail('catalog', `published tools have schemas that no model accepts: ${problems.join('; ')}`, {
    remedy: 'overrides are merged twice, or what is rendered is not passed through lib/dedupe.mjs',
  })
}

function repeatsIn(schema: unknown): string[] {
  if (typeof schema !== 'object' || schema === null) return []
  return Object.entries(schema).flatMap(([key, value]) => {
    if ((key !== 'enum' && key !== 'required') || !Array.isArray(value)) return repeatsIn(value)
    const texts = value.map((entry: unknown) => JSON.stringify(entry))
    return [...new Set(texts.filter((text, index) => texts.indexOf(text) !== index))].map((text) => `${key} repeats ${text}`)
  })
}
