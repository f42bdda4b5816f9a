import { stage, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { expectText, parseAnswer } from '../../../helpers/answers.ts'
import { readCallLog, receivedCalls } from '../places.ts'
import { lane, type Up } from '../states.ts'

export const bundleTools = lane({
  name: 'bundle-tools',
  proves: 'the tools of the starter bundle are offered to the agent and work through it',
  needs: 'up',
  leaves: 'up',
  steps: {
    'bundle-tools': stage<Up>({
      prompt: () => [
        'Look at the tools of the MCP server "stack". Then call, in this order:',
        '1. workspace_fs_read with operation "read_file" and path "README.md"',
        '2. grep with pattern "manage_stack"',
        '3. manage_stack with operation "list_discovered_servers"',
        'Say what each call answered. Do nothing else.',
      ].join('\n'),
      calls: [
        {
          server: 'stack', tool: 'workspace_fs_read', arguments: { operation: 'read_file', path: 'README.md' },
          effect: 'the answer holds the README of the clone',
          verifyEffect: (evidence) => expectText(evidence, 'manage_stack'),
        },
        {
          server: 'stack', tool: 'grep', arguments: { pattern: 'manage_stack' },
          effect: 'the answer names the README',
          verifyEffect: (evidence) => expectText(evidence, 'README.md'),
        },
        {
          server: 'stack', tool: 'manage_stack', arguments: { operation: 'list_discovered_servers' },
          effect: 'the answer lists the servers that can be installed',
          verifyEffect: (evidence) => {
            parseAnswer(evidence)
            return expectText(evidence, 'everything')
          },
        },
      ],
    }),
    'tools listed': step(5, 'catalog'),
  },
  work: async ({ facts, step, stage }) => {
    await stage('bundle-tools')
    await step('tools listed', ({ paths }) => {
      const agent = receivedCalls(paths).at(-1)?.client
      if (readCallLog(paths).some(({ method, client }) => method === 'tools/list' && client?.name === agent)) return Promise.resolve()
      throw fail('catalog', `the stack's log has no tools/list from the agent's session (client ${String(agent)})`)
    })
    return facts
  },
})
