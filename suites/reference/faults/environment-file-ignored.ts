import type { Fault } from './fault.ts'

export const environmentFileIgnored: Fault = {
  id: 'environment-file-ignored',
  incident: "The stack did not read the sandbox's environment file, so its processes ran with the settings of whoever had started them.",
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'bootstrap-step',
    words: ['install-bundle.mjs --no-restart` exited with 2', 'PROXY_PORT is not set'],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('lib/environment.mjs', "join(configHome, '.env')", "join(configHome, 'env')") }),
}
