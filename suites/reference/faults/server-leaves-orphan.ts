import type { Fault } from './fault.ts'

export const serverLeavesOrphan: Fault = {
  id: 'server-leaves-orphan',
  incident: 'A downstream server left a helper behind whenever it ended; after a day of restarts there were hundreds.',
  filters: ['verify-clean.smoke'],
  outcome: {
    is: 'red', lane: 'verify-clean', verdict: 'leak',
    words: ["the sandbox has processes that are not the stack's", 'setInterval'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('servers/docs.mjs', /^/, "import { spawn } from 'node:child_process'\nspawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { detached: true, stdio: 'ignore' }).unref()\n")
  }),
}
