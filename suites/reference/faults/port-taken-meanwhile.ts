import { join } from 'node:path'
import type { Fault } from './fault.ts'

export const portTakenMeanwhile: Fault = {
  id: 'port-taken-meanwhile',
  incident: 'Between the choice of a port and the start of the proxy somebody else began to listen on it; the stack crash-looped with EADDRINUSE.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'port-taken',
    words: [/port \d+ \(proxy\) is held by process \d+ \(.*listens\.mjs.*\), which is not the sandbox's/],
  },
  inject: async ({ commit, directory, freePort, interfere }) => {
    const port = String(await freePort())
    const sign = join(directory, 'now')
    await interfere('listens', port, sign)
    return {
      ...await commit('stack', (edit) => {
        edit('scripts/install-bundle.mjs', /^/, "import { existsSync, writeFileSync } from 'node:fs'\n")
        // The bundle ends when the other one listens: how fast the machine is does not matter.
        edit('scripts/install-bundle.mjs', "if (values['no-restart'])", [
          `writeFileSync(${JSON.stringify(sign)}, '')`,
          `while (!existsSync(${JSON.stringify(`${sign}.held`)})) await new Promise((resolve) => { setTimeout(resolve, 20) })`,
          "if (values['no-restart'])",
        ].join('\n  '))
      }),
      SMOKE_PORT_PROXY: port,
    }
  },
}
