import type { Fault } from './fault.ts'

export const bundleSaysNothing: Fault = {
  id: 'bundle-says-nothing',
  incident: 'The bundle installer printed nothing: whoever watched could not tell a slow server from a stalled one, nor which it was.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'bootstrap-step',
    words: ['the bundle installer named no server it installed'],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('scripts/install-bundle.mjs', /console\.log\(`\[bundle\] Install/g, "void (`[bundle] Install") }),
}
