import type { Fault } from './fault.ts'

export const agentRefusesCalls: Fault = {
  id: 'agent-refuses-calls',
  incident: 'A newer Codex refused every call for want of an approval, and ended with exit code 0.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'agent-protocol',
    words: [/refused all 3 calls itself, and none reached the stack \(user cancelled MCP tool call\)/],
  },
  inject: ({ standIn }) => Promise.resolve(standIn('refuses-calls')),
}
