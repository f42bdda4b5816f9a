import type { Fault } from './fault.ts'

export const removalLeavesServer: Fault = {
  id: 'removal-leaves-server',
  incident: 'remove_server reported success and left the server in the overlay, so that the next start brought it back.',
  filters: ['remove.smoke'],
  outcome: {
    is: 'red', lane: 'remove', verdict: 'not-effective',
    words: ['remove_server says ok, but', 'still names everything_smoke'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('lib/manage-stack.mjs', 'const servers = Object.fromEntries(', "if (name) return { message: 'removed' }\n  const servers = Object.fromEntries(")
  }),
}
