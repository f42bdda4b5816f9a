import type { Fault } from './fault.ts'

export const portIgnored: Fault = {
  id: 'port-ignored',
  incident: 'The rendered file had the right port, but the process read another one and listened elsewhere.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'port-mismatch',
    words: [/was given port \d+ \(proxy\) but listens on \d+: process \d+ \(/],
  },
  inject: async ({ commit }) => ({
    // Any other port that is free: two runs of this fault must not meet.
    ...await commit('proxy', (edit) => { edit('server.mjs', "http.listen(config.port, '127.0.0.1'", "http.listen(0, '127.0.0.1'") }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
