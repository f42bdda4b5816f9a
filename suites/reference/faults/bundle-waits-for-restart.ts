import type { Fault } from './fault.ts'

export const bundleWaitsForRestart: Fault = {
  id: 'bundle-waits-for-restart',
  incident: 'The bundle installer waited for a restart although it was told --no-restart: by hand it took 30 s, in the harness it stalled for ever.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'budget',
    words: [/did not end within 60\.0 s|took longer than its budget of 60 s/, '[bundle] waiting for the proxy'],
  },
  inject: async ({ commit }) => ({
    ...await commit('stack', (edit) => {
      edit('scripts/install-bundle.mjs', "if (values['no-restart']) console.log", "console.log('[bundle] waiting for the proxy')\n  for (;;) await new Promise((resolve) => { setTimeout(resolve, 1000) })\n  if (values['no-restart']) console.log")
    }),
    SMOKE_BUDGET_SCALE: '3', SMOKE_HEARTBEAT_TIMEOUT: '240',
  }),
}
