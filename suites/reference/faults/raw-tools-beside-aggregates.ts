import type { Fault } from './fault.ts'

export const rawToolsBesideAggregates: Fault = {
  id: 'raw-tools-beside-aggregates',
  incident: 'tools/list showed the raw filesystem tools beside the aggregate made of them: the manifest was read from a stale override file.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'catalog',
    words: ['not intended', 'read_text_file'],
  },
  inject: ({ commit }) => commit('proxy', (edit) => { edit('lib/catalog.mjs', "if (publish === 'none') continue", "if (publish === 'never') continue") }),
}
