import type { Fault } from './fault.ts'

export const agentRejectsFlag: Fault = {
  id: 'agent-rejects-flag',
  incident: 'A flag that the agent CLI still named in its help was refused when it was used.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'agent-protocol',
    words: ['does not take --sandbox as its own `exec --help` says', 'exit code 2'],
  },
  inject: ({ standIn }) => Promise.resolve(standIn('rejects-flag')),
}
