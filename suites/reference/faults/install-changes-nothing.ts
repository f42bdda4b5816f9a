import type { Fault } from './fault.ts'

export const installChangesNothing: Fault = {
  id: 'install-changes-nothing',
  incident: 'install_server reported success, but no overlay was written and the tool never appeared.',
  filters: ['install.smoke'],
  outcome: {
    is: 'red', lane: 'install', verdict: 'not-effective',
    words: ['install_server says ok, but', 'does not name everything_smoke'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('lib/manage-stack.mjs', 'const tools = await listToolsOf(name, launch)', "if (name) return { message: 'installed' }\n  const tools = await listToolsOf(name, launch)")
  }),
}
