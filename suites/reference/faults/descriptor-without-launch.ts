import type { Fault } from './fault.ts'

export const descriptorWithoutLaunch: Fault = {
  id: 'descriptor-without-launch',
  incident: 'The descriptors of discovered servers had no launch command, and every installation failed its validation.',
  filters: ['install.smoke'],
  outcome: {
    is: 'red', lane: 'install', verdict: 'tool-failed',
    words: ['install_server', 'the descriptor of everything has no launch'],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('config/catalog.json', /"package": "@modelcontextprotocol\/server-everything",\s*"version": "[^"]+",/, '') }),
}
