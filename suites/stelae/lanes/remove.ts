import { stage, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { listTools } from '../../../helpers/mcp-client.ts'
import { expectSameTools } from '../../../helpers/stack-checks.ts'
import { expectOk, listCall } from '../manage-answer.ts'
import { optionsOf } from '../options.ts'
import { placesIn } from '../places.ts'
import { serversIn } from '../servers.ts'
import { awaitTools } from '../start-stack.ts'
import { lane, serverToInstall, serverToPretendRemoving, type Installed } from '../states.ts'
import { expectNowhere } from './install.ts'

const { alias } = serverToInstall
const request = { operation: 'remove_server', params: { name: alias, force: true } }
const dryRequest = { operation: 'remove_server', params: { name: serverToPretendRemoving, dry_run: true, force: true } }

const prompt = (name: string, call: object): string => [
  `Remove the MCP server "${name}". Use MCP tools only, no shell: call manage_stelae with`,
  JSON.stringify(call),
  'Wait for the answer. To verify, call manage_stelae with operation "list_discovered_servers". Do nothing else.',
].join('\n')

export const remove = lane({
  name: 'remove',
  proves: 'the agent removes that server again and nothing of it stays',
  needs: 'installed',
  leaves: 'up',
  steps: {
    remove: stage<Installed>({
      restarts: true,
      prompt: () => prompt(alias, request),
      calls: [
        {
          server: 'stelae', tool: 'manage_stelae', arguments: request,
          effect: `the answer has status ok, and neither overlay nor proxy.json names ${alias}`,
          verifyEffect: (evidence, { paths }) => {
            expectOk(evidence)
            expectNowhere(placesIn(paths))
            return Promise.resolve()
          },
        },
        listCall,
      ],
    }),
    'remove dry run': stage<Installed>({
      prompt: () => prompt(serverToPretendRemoving, dryRequest),
      calls: [
        {
          server: 'stelae', tool: 'manage_stelae', arguments: dryRequest,
          effect: `the answer has status ok, and ${serverToPretendRemoving} is still there`,
          verifyEffect: (evidence, { paths }) => {
            expectOk(evidence)
            const servers = serversIn(placesIn(paths).proxyConfig)
            if (!servers.includes(serverToPretendRemoving)) throw fail('not-effective', `a dry run removed ${serverToPretendRemoving} from proxy.json; it has ${servers.join(', ')}`)
            return Promise.resolve()
          },
        },
        listCall,
      ],
    }),
    'everything as before': step(30, 'not-effective'),
  },
  work: async ({ facts, step, stage, skip, options }) => {
    const real = optionsOf(options).installFlavour === 'real'
    if (real) {
      await stage('remove')
      skip('remove dry run', 'the install flavour is "real"')
    } else {
      skip('remove', 'the install flavour is "dry-run"')
      await stage('remove dry run')
    }
    await step('everything as before', async (context) => {
      expectSameTools(facts.servers, serversIn(placesIn(context.paths).proxyConfig), 'the list of servers after the removal')
      await awaitTools(context, facts.tools)
      expectSameTools(facts.tools, (await listTools(facts.proxyUrl)).map(({ name }) => name), 'the live catalog after the removal')
    })
    const { stelae, proxy, clientRepository, proxyUrl, tools, servers, restartFlags } = facts
    return { stelae, proxy, clientRepository, proxyUrl, tools, servers, restartFlags }
  },
})
