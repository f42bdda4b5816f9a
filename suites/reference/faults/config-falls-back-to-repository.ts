import type { Fault } from './fault.ts'

export const configFallsBackToRepository: Fault = {
  id: 'config-falls-back-to-repository',
  incident: "The process manager's file fell back to a configuration inside the repository, so that the proxy listened on everybody's port with the rendered file beside it.",
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'port-mismatch',
    words: [/^the proxy read \S+\/stack\/config\/proxy\.json, and not what was rendered/, /was given port \d+ \(proxy\) but listens on \d+/],
  },
  inject: async ({ commit }) => ({
    ...await commit('stack', (edit, make) => {
      edit('ecosystem.config.cjs', "join(stateHome, 'proxy.json')", "join(__dirname, 'config/proxy.json')")
      // Any port that is free in place of the one that everybody has.
      make('config/proxy.json', JSON.stringify({ name: 'reference-stack', revision: 'tracked', port: 0, callLog: '/dev/null', servers: {} }))
    }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
