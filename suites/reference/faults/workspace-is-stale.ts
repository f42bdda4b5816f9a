import type { Fault } from './fault.ts'

export const workspaceIsStale: Fault = {
  id: 'workspace-is-stale',
  incident: 'A workspace was used again after the source had moved on: the run passed, and had tested the old code.',
  filters: ['smoke'],
  outcome: {
    is: 'refused', exitCode: 2,
    words: [/stack is at [0-9a-f]{40}, and \S+ at [0-9a-f]{40}/, 'SMOKE_FORCE_OUTDATED'],
  },
  earlier: {
    filters: ['bootstrap.smoke'], env: { SMOKE_REUSE: '', SMOKE_BOOTSTRAP_ONLY: '1' },
    then: async ({ commit }) => { await commit('stack', (edit) => { edit('README.md', /$/, '\nIt has moved on.\n') }) },
  },
  inject: async ({ commit, workspace }) => ({ ...await commit('stack', (edit) => { edit('README.md', /$/, '\n') }), SMOKE_WORKSPACE: workspace, SMOKE_REUSE: '1' }),
}
