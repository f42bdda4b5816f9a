import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Fault } from './fault.ts'

export const workspaceHasDrifted: Fault = {
  id: 'workspace-has-drifted',
  incident: 'A workspace was gone on with whose overlay had been edited by hand meanwhile; what failed then had nothing to do with the checkout.',
  filters: ['smoke'],
  outcome: {
    is: 'red', lane: 'resume', verdict: 'drift',
    words: ['the workspace is not in the state any more in which it was left: its overlay has changed'],
  },
  earlier: {
    filters: ['bootstrap.smoke'], env: { SMOKE_REUSE: '', SMOKE_BOOTSTRAP_ONLY: '1' },
    then: ({ workspace }) => {
      appendFileSync(join(workspace, 'config-home/servers.local.json'), '\n')
      return Promise.resolve()
    },
  },
  inject: ({ workspace }) => Promise.resolve({ SMOKE_WORKSPACE: workspace, SMOKE_REUSE: '1' }),
}
