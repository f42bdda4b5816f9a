import type { Fault } from './fault.ts'

export const agentHangsAfterLastEvent: Fault = {
  id: 'agent-hangs-after-last-event',
  incident: 'Every call was made and the turn was complete, but the agent did not exit, and the stage waited for it.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'agent-hang',
    words: ['did not end within its 60 s', 'last event: turn.completed'],
  },
  inject: ({ standIn }) => Promise.resolve({ ...standIn('hangs-after-last-event'), SMOKE_STAGE_TIMEOUT: '60' }),
}
