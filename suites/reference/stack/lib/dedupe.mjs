/** Removes repeated entries from every `enum` and `required` of a JSON Schema: clients refuse schemas that repeat them. */
export function dedupeSchema(schema) {
  if (Array.isArray(schema)) return schema.map(dedupeSchema)
  if (!schema || typeof schema !== 'object') return schema
  return Object.fromEntries(Object.entries(schema).map(([key, value]) => [
    key,
    (key === 'enum' || key === 'required') && Array.isArray(value) ? [...new Set(value)] : dedupeSchema(value),
  ]))
}
