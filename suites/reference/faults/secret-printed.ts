import { keptBy, leaksIn } from '../../../harness/testing/planted.ts'
import type { Fault } from './fault.ts'

const password = 'pl4nted-by-a-fault'

export const secretPrinted: Fault = {
  id: 'secret-printed',
  incident: 'A server printed the password from its environment into its log, and the log went into the artifacts of the build.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'survived', proves: 'a secret that a server prints is in nothing that the run keeps or says',
    words: ['nothing left behind'],
    check: (_directory, run) => {
      const kept = keptBy(run)
      const leaks = leaksIn(kept, [password])
      if (leaks.length > 0) return `the secret is told: ${leaks.join('; ')}`
      return Object.values(kept).some((text) => text.includes('the proxy is') && text.includes('[redacted')) ? undefined : 'nothing that was kept shows that the server printed it'
    },
  },
  inject: async ({ commit }) => ({
    ...await commit('stack', (edit) => {
      edit('scripts/install-bundle.mjs', 'const places = loadEnvironment()', "const places = loadEnvironment()\n  console.log(`[bundle] the proxy is ${process.env.HTTPS_PROXY}, its password ${new URL(process.env.HTTPS_PROXY).password}`)")
    }),
    HTTPS_PROXY: `http://me:${password}@127.0.0.1:9/`, NO_PROXY: '127.0.0.1,localhost',
  }),
}
