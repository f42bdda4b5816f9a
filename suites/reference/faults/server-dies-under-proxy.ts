import type { Fault } from './fault.ts'

export const serverDiesUnderProxy: Fault = {
  id: 'server-dies-under-proxy',
  incident: 'A server worked by hand and died under the proxy: its tools were missing from the catalog, and nothing said whose they were.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'catalog',
    words: ['the proxy could not start server docs', 'missing doc_fetch_suite'],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('servers/docs.mjs', /\n\nconst folder/, "\n\nif (process.env.PROXY_CONFIG) process.exit(3)\nconst folder") }),
}
