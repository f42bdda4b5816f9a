import type { Fault } from './fault.ts'

export const agentLacksFlag: Fault = {
  id: 'agent-lacks-flag',
  incident: 'The flags of the agent CLI were a fixed list; a new version had dropped one of them, and no stage could start.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'agent-protocol',
    words: ['names no --json or no --config flag'],
  },
  inject: ({ standIn }) => Promise.resolve(standIn('lacks-json')),
}
