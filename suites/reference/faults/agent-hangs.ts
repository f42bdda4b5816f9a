import { standIn, type Fault } from './fault.ts'

export const agentHangs: Fault = {
  id: 'agent-hangs',
  incident: 'The agent stage was still running when the outer time-out fired; no transcript was kept.',
  filters: ['bundle-tools.smoke'], lane: 'bundle-tools', verdict: 'agent-hang',
  words: ['did not end within its 6 s', 'last event: turn.started'],
  inject: ({ directory }) => Promise.resolve({ ...standIn(directory, 'hangs'), SMOKE_STAGE_TIMEOUT: '6' }),
}
