import type { Fault } from './fault.ts'

export const restartNeverReady: Fault = {
  id: 'restart-never-ready',
  incident: 'The restart script waited for a proxy that answered, but was never ready; an outer time-out ended everything.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'readiness',
    words: [/listens on port \d+ \(proxy\) but never became ready|answers initialize with HTTP 503/, /HTTP 503/],
  },
  inject: async ({ commit }) => ({
    ...await commit('proxy', (edit) => { edit('server.mjs', 'void startServers()', 'void startServers') }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
