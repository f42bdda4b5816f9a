import type { Fault } from './fault.ts'

export const toolDropped: Fault = {
  id: 'tool-dropped',
  incident: 'A tool was no longer in the published catalog; the agent session ended with exit code 0 and no sign of the missing call.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'tool-missing',
    words: ['tool grep of server stack was not offered to the agent', 'stack/workspace_fs_read'],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('config/bundle.json', '"publish": "raw"', '"publish": "none"') }),
}
