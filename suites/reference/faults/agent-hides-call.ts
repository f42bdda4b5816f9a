import type { Fault } from './fault.ts'

export const agentHidesCall: Fault = {
  id: 'agent-hides-call',
  incident: 'The server had logged a call that the transcript did not show: lines of it were lost on the way.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'evidence-conflict',
    words: ['the server received workspace_fs_read', "the agent's transcript does not show it"],
  },
  inject: ({ standIn }) => Promise.resolve(standIn('hides-call')),
}
