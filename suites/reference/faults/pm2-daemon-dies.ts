import type { Fault } from './fault.ts'

export const pm2DaemonDies: Fault = {
  id: 'pm2-daemon-dies',
  incident: 'pm2 said `write EPIPE` and its daemon was gone; what it had started ran on without it, and every later restart failed.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'restart',
    words: [/pm2 daemon/],
  },
  inject: async ({ commit }) => ({
    ...await commit('stack', (edit) => {
      edit('lib/restart.mjs', /^/, "import { readFileSync } from 'node:fs'\n")
      // Whoever asks pm2 starts another daemon.
      edit('lib/restart.mjs', 'askPm2Ms = 2500', 'askPm2Ms = 600_000')
      edit('lib/restart.mjs', 'const failure = (why)', "process.kill(Number(readFileSync(join(places.pm2Home, 'pm2.pid'), 'utf8')), 'SIGKILL')\n  const failure = (why)")
    }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
