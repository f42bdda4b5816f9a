import type { Fault } from './fault.ts'

export const portHardCoded: Fault = {
  id: 'port-hard-coded',
  incident: "The tracked template had no placeholder for the port, so the proxy listened on everybody's default port, whatever the sandbox had chosen.",
  filters: ['smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'port-mismatch',
    words: [/does not name the sandbox's port \d+; it has "port": 19090/],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('config/proxy.template.json', '{{PROXY_PORT}}', '19090') }),
}
