import type { Fault } from './fault.ts'

export const bundleFallsSilent: Fault = {
  id: 'bundle-falls-silent',
  incident: 'A run sat for minutes without a line of output, and nobody knew at which step.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'stalled',
    words: ['step "starter bundle": nothing was heard for 45 s', 'the last sign of life was'],
  },
  inject: async ({ commit }) => ({
    ...await commit('stack', (edit) => { edit('scripts/install-bundle.mjs', 'const places = loadEnvironment()', 'await new Promise((resolve) => { setTimeout(resolve, 600_000) })\n  const places = loadEnvironment()') }),
    SMOKE_HEARTBEAT_TIMEOUT: '45',
  }),
}
