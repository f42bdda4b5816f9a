import type { Fault } from './fault.ts'

export const bundleRestartsAnyway: Fault = {
  id: 'bundle-restarts-anyway',
  incident: 'The bundle installer restarted the stack although it was told --no-restart, before anything was rendered for it.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'bootstrap-step',
    words: ['install-bundle.mjs --no-restart started the stack all the same', /pm2 daemon \d+/],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('scripts/install-bundle.mjs', "if (values['no-restart']) console.log", "if (values['no-restart'] === 'never') console.log") }),
}
