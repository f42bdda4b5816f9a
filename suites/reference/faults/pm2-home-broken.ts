import type { Fault } from './fault.ts'

export const pm2HomeBroken: Fault = {
  id: 'pm2-home-broken',
  incident: 'pm2 threw `write EPIPE` when it was asked to ensure its processes; a second attempt on the same home could not succeed.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'survived', proves: 'a broken pm2 home is moved aside, and the restart is tried once more on an empty one',
    words: [/pm2 is broken \(.*write EPIPE.*\); one more attempt on an empty home/],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('lib/restart.mjs', /^/, "import { existsSync, writeFileSync } from 'node:fs'\n")
    edit('lib/restart.mjs', 'const failure = (why)', [
      "const broken = join(places.pm2Home, 'broken-once')",
      "  if (!existsSync(broken) && !existsSync(`${places.pm2Home}.broken-1`)) {",
      "    writeFileSync(broken, '')",
      "    throw new RestartError('[PM2][ERROR] Error: write EPIPE', logs.tails())",
      "  }",
      "  const failure = (why)",
    ].join('\n'))
  }),
}
