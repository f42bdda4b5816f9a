import type { Fault } from './fault.ts'

export const agentMakesNoCall: Fault = {
  id: 'agent-makes-no-call',
  incident: 'A stage passed although the agent had only said that all was done: nobody looked for the calls.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'not-attempted',
    words: ['the agent did not call workspace_fs_read', 'it called nothing, and never asked the model'],
  },
  inject: ({ standIn }) => Promise.resolve(standIn('makes-no-call')),
}
