import type { Fault } from './fault.ts'

export const installDirtiesClone: Fault = {
  id: 'install-dirties-clone',
  incident: 'install_server wrote into tracked files of the checkout; the next pull failed on local changes that nobody had made.',
  filters: ['install.smoke'],
  outcome: {
    is: 'red', lane: 'install', verdict: 'dirty-repo',
    words: ['after step "install"', 'the stack clone is not clean', 'config/tool_overrides.json'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('lib/manage-stack.mjs', 'const published = tools.map', "writeText(`${places.stackDir}/config/tool_overrides.json`, '{}')\n  const published = tools.map")
  }),
}
