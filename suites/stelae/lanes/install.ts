import { existsSync, readFileSync } from 'node:fs'
import { stage, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { withMcpClient } from '../../../helpers/mcp-client.ts'
import { expectOk, listCall } from '../manage-answer.ts'
import { optionsOf } from '../options.ts'
import { placesIn } from '../places.ts'
import { serversIn } from '../servers.ts'
import { awaitTools } from '../start-stack.ts'
import { lane, serverToInstall, type Up } from '../states.ts'
import { excerpt } from '../../../harness/redaction/excerpt.ts'

const { name, alias, store, find } = serverToInstall
const request = { operation: 'install_server', params: { name, target_name: alias, force: true } }
const dryRequest = { operation: 'install_server', params: { name, target_name: alias, dry_run: true, force: true } }

const prompt = (call: object): string => [
  `Install the MCP server "${name}" under the name "${alias}". Use MCP tools only, no shell: call manage_stelae with`,
  JSON.stringify(call),
  'Wait for the answer. To verify, call manage_stelae with operation "list_discovered_servers". Do nothing else.',
].join('\n')

export const install = lane({
  name: 'install',
  proves: 'the agent installs an MCP server, the stack restarts under it, and the new tool is live',
  needs: 'up',
  leaves: 'installed',
  steps: {
    install: stage<Up>({
      restarts: true,
      prompt: () => prompt(request),
      calls: [
        {
          server: 'stelae', tool: 'manage_stelae', arguments: request,
          effect: `the answer has status ok, every command of it ran, and proxy.json on disk has ${alias}`,
          verifyEffect: (evidence, { paths }) => {
            const { commands_run: commands } = expectOk(evidence)
            if ((commands ?? []).length === 0) throw fail('not-effective', 'install_server says ok, but ran no command: nothing was rendered or restarted')
            const servers = serversIn(placesIn(paths).proxyConfig)
            if (!servers.includes(alias)) throw fail('not-effective', `install_server says ok, but proxy.json has no ${alias}; it has ${servers.join(', ')}`)
            return Promise.resolve()
          },
        },
        listCall,
      ],
    }),
    'install dry run': stage<Up>({
      prompt: () => prompt(dryRequest),
      calls: [
        {
          server: 'stelae', tool: 'manage_stelae', arguments: dryRequest,
          effect: `the answer has status ok and says what would change, and nothing on disk names ${alias}`,
          verifyEffect: (evidence, { paths }) => {
            const { details } = expectOk(evidence)
            if (details?.templateChanged !== true) throw fail('not-effective', `the dry run says ok, but not that the template would change: ${JSON.stringify(details)}`)
            expectNowhere(placesIn(paths))
            return Promise.resolve()
          },
        },
        listCall,
      ],
    }),
    'new tool is live': step(30, 'not-effective'),
  },
  work: async ({ facts, step, stage, skip, options }) => {
    if (optionsOf(options).installFlavour === 'dry-run') {
      skip('install', 'the install flavour is "dry-run"')
      await stage('install dry run')
      skip('new tool is live', 'the install flavour is "dry-run"')
      return { ...facts, alias }
    }
    await stage('install')
    skip('install dry run', 'the install flavour is "real"')
    await step('new tool is live', async (context) => {
      await awaitTools(context, [...facts.tools, store, find])
      // A tool on a list may still be dead: one that answers with what it was told is alive.
      const message = 'are you there?'
      const answer = await withMcpClient(facts.proxyUrl, async (client) => {
        await client.callTool({ name: store, arguments: { information: message } })
        return client.callTool({ name: find, arguments: { query: message } })
      })
      if (!JSON.stringify(answer.content).includes(message)) throw fail('tool-failed', `${find} does not find what ${store} was told; it answered ${excerpt(JSON.stringify(answer.content), 300)}`)
    })
    return { ...facts, alias }
  },
})

/** @throws VerdictError of class not-effective when a file names the alias */
export function expectNowhere({ overlay, proxyConfig }: { readonly overlay: string; readonly proxyConfig: string }): void {
  const file = [overlay, proxyConfig].find((path) => existsSync(path) && readFileSync(path, 'utf8').includes(`"${alias}"`))
  if (file !== undefined) throw fail('not-effective', `${file} names ${alias}, which must not be there`, { evidence: [file] })
}
