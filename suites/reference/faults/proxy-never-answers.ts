import type { Fault } from './fault.ts'

export const proxyNeverAnswers: Fault = {
  id: 'proxy-never-answers',
  incident: 'The proxy listened, but never answered; the restart script waited until an outer time-out ended everything without a word.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'readiness',
    words: [/listens on port \d+ \(proxy\) but never became ready/, /did not become ready on port \d+ within 60 s/, /last answer of http:\/\/127\.0\.0\.1:\d+\/mcp: The operation was aborted due to timeout/],
  },
  inject: async ({ commit }) => ({
    ...await commit('proxy', (edit) => { edit('server.mjs', 'if (!catalog) {', 'return\n  if (!catalog) {') }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
