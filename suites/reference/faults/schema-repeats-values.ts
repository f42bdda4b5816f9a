import type { Fault } from './fault.ts'

export const schemaRepeatsValues: Fault = {
  id: 'schema-repeats-values',
  incident: 'Overrides were merged twice; `required` and `enum` then named "operation" twice, and the model refused every request with such a tool.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'catalog',
    words: ['workspace_fs_read', 'required repeats "operation"'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('config/aggregates.json', '"required": ["operation", "path"]', '"required": ["operation", "path", "operation"]')
    edit('lib/dedupe.mjs', '[...new Set(value)]', 'value')
  }),
}
