import type { Fault } from './fault.ts'

export const bridgeDoesNotReconnect: Fault = {
  id: 'bridge-does-not-reconnect',
  incident: "The restart that an installation needs cut the agent's session: every later call of the agent failed.",
  filters: ['install.smoke'],
  outcome: {
    is: 'red', lane: 'install', verdict: 'tool-failed',
    words: ['grep {"pattern":"install_server"}', /Session not found|404|fetch failed/],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('lib/bridge.mjs', 'if (!mayBeSentAgain(request, error) ||', 'if (request ||') }),
}
