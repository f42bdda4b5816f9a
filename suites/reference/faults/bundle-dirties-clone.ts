import type { Fault } from './fault.ts'

export const bundleDirtiesClone: Fault = {
  id: 'bundle-dirties-clone',
  incident: 'Installing the starter bundle rewrote a tracked file, so that every fresh clone was dirty after its first start.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'dirty-repo',
    words: ['after step "starter bundle"', 'the stack clone is not clean', 'config/tool_overrides.json'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('scripts/install-bundle.mjs', 'const places = loadEnvironment()', "const places = loadEnvironment()\n  writeText(join(places.stackDir, 'config/tool_overrides.json'), '{}')")
  }),
}
