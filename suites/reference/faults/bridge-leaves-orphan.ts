import type { Fault } from './fault.ts'

export const bridgeLeavesOrphan: Fault = {
  id: 'bridge-leaves-orphan',
  incident: 'A helper started on behalf of the agent outlived its session; hundreds of them were found after a day.',
  filters: ['bundle-tools.smoke', 'verify-clean.smoke'],
  outcome: {
    is: 'red', lane: 'verify-clean', verdict: 'leak',
    words: ["the sandbox has processes that are not the stack's", 'setInterval'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('scripts/bridge.mjs', /^/, "import { spawn } from 'node:child_process'\n")
    edit('scripts/bridge.mjs', 'await main(', "spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { detached: true, stdio: 'ignore' }).unref()\nawait main(")
  }),
}
