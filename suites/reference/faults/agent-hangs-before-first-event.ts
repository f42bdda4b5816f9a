import type { Fault } from './fault.ts'

export const agentHangsBeforeFirstEvent: Fault = {
  id: 'agent-hangs-before-first-event',
  incident: 'The agent never began: no event, no output, until an outer time-out ended the whole run.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'agent-hang',
    words: ['did not end within its 5 s and wrote no event'],
  },
  inject: ({ standIn }) => Promise.resolve({ ...standIn('hangs-before-first-event'), SMOKE_STAGE_TIMEOUT: '5' }),
}
