import type { Fault } from './fault.ts'

export const agentHangsInTurn: Fault = {
  id: 'agent-hangs-in-turn',
  incident: 'The agent stage was still running when the outer time-out fired; no transcript was kept.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'agent-hang',
    words: ['did not end within its 60 s', 'last event: turn.started'],
  },
  inject: ({ standIn }) => Promise.resolve({ ...standIn('hangs-in-turn'), SMOKE_STAGE_TIMEOUT: '60' }),
}
