import type { Fault } from './fault.ts'

export const agentClaimsCalls: Fault = {
  id: 'agent-claims-calls',
  incident: 'The transcript told of a completed call that the server had never received.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'evidence-conflict',
    words: ['the agent says workspace_fs_read', "the stack's own log has no such call"],
  },
  inject: ({ standIn }) => Promise.resolve(standIn('claims-calls')),
}
