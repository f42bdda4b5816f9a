import { readFileSync } from 'node:fs'
import { stage, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { parseAnswer } from '../../../helpers/answers.ts'
import { listTools } from '../../../helpers/mcp-client.ts'
import { expectSameTools } from '../../../helpers/stack-checks.ts'
import { intendedTools, overlayFile } from '../places.ts'
import { lane, serverToInstall, type Installed } from '../states.ts'

const { alias } = serverToInstall

export const remove = lane({
  name: 'remove',
  proves: 'the agent removes that server again and nothing of it stays',
  needs: 'installed',
  leaves: 'up',
  steps: {
    remove: stage<Installed>({
      prompt: () => [
        `Remove the MCP server "${alias}": call manage_stack with`,
        JSON.stringify({ operation: 'remove_server', params: { name: alias } }),
        'Wait for the answer, then call manage_stack with operation "list_discovered_servers" to verify. Do nothing else.',
      ].join('\n'),
      calls: [
        {
          server: 'stack', tool: 'manage_stack', arguments: { operation: 'remove_server', params: { name: alias } },
          effect: `the answer says ok, and the overlay on disk does not list ${alias}`,
          verifyEffect: (evidence, { paths }) => {
            const answer = parseAnswer(evidence) as { status?: unknown; message?: unknown }
            if (answer.status !== 'ok') {
              throw fail('tool-failed', `remove_server answered status ${JSON.stringify(answer.status)}: ${JSON.stringify(answer.message)}`)
            }
            if (readFileSync(overlayFile(paths), 'utf8').includes(alias)) {
              throw fail('not-effective', `remove_server says ok, but ${overlayFile(paths)} still names ${alias}`)
            }
            return Promise.resolve()
          },
        },
        {
          server: 'stack', tool: 'manage_stack', arguments: { operation: 'list_discovered_servers' },
          effect: `the answer no longer names ${alias}`,
          verifyEffect: (evidence) => {
            if (!evidence.text.includes(alias)) return Promise.resolve()
            throw fail('not-effective', `list_discovered_servers still names ${alias}: ${evidence.text.slice(0, 300)}`)
          },
        },
      ],
    }),
    'everything as before': step(15, 'not-effective'),
  },
  work: async ({ facts, step, stage }) => {
    await stage('remove')
    await step('everything as before', async ({ paths }) => {
      if (readFileSync(overlayFile(paths), 'utf8') !== facts.overlay) {
        throw fail('not-effective', 'the overlay is not what it was before the installation', {
          evidence: ['config-home/servers.local.json'], remedy: `compare it with the facts of the state "up" in state.json`,
        })
      }
      expectSameTools(facts.tools, intendedTools(paths), 'the intended catalog after the removal')
      expectSameTools(facts.tools, (await listTools(facts.proxyUrl)).map(({ name }) => name), 'the live catalog after the removal')
    })
    const { stack, proxy, clientRepository, proxyUrl, tools, overlay } = facts
    return { stack, proxy, clientRepository, proxyUrl, tools, overlay }
  },
})
