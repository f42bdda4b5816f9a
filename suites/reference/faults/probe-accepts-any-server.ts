import type { Fault } from './fault.ts'

export const probeAcceptsAnyServer: Fault = {
  id: 'probe-accepts-any-server',
  incident: 'The readiness probe was content with any answer: the stack counted as ready while another server answered on its port.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'readiness',
    words: ['this is somebody-else, awaited is reference-stack'],
  },
  inject: async ({ commit }) => ({
    ...await commit('proxy', (edit) => { edit('server.mjs', 'new Server({ name: config.name', "new Server({ name: 'somebody-else'") }),
    ...await commit('stack', (edit) => { edit('lib/restart.mjs', 'serverInfo?.name === rendered.name && serverInfo.version === rendered.revision', 'serverInfo !== undefined') }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
