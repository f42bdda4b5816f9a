import type { Fault } from './fault.ts'

export const environmentNotHandedOn: Fault = {
  id: 'environment-not-handed-on',
  incident: "The harness's environment did not reach a child: the process manager kept its files in another home, and the stack came up with other settings or not at all.",
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'restart',
    words: [/the pm2 daemon \d+ runs in \S+\/home\/\.pm2, and not in the stack's own pm2 home/],
  },
  inject: async ({ commit }) => ({
    ...await commit('stack', (edit) => { edit('lib/pm2.mjs', 'env: { ...process.env, ...places.environment }', 'env: process.env') }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
