import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from './fault.ts'

export const hostFileTouched: Fault = {
  id: 'host-file-touched',
  incident: "A step wrote into the developer's own home instead of the sandbox's, and changed settings that every other project used.",
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'teardown', verdict: 'host-touched',
    words: ['changed outside the sandbox', '.npmrc was made'],
  },
  inject: async ({ commit, directory }) => {
    const home = join(directory, 'home')
    mkdirSync(home)
    return {
      ...await commit('stack', (edit) => {
        edit('scripts/render.mjs', /^/, `import { appendFileSync } from 'node:fs'\nappendFileSync(${JSON.stringify(join(home, '.npmrc'))}, 'audit=false\\n')\n`)
      }),
      HOME: home,
    }
  },
}
