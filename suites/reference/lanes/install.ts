import { readFileSync } from 'node:fs'
import { stage, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { parseAnswer } from '../../../helpers/answers.ts'
import { listTools, withMcpClient } from '../../../helpers/mcp-client.ts'
import { overlayFile } from '../places.ts'
import { lane, serverToInstall, type Up } from '../states.ts'

const { name, alias } = serverToInstall

export const install = lane({
  name: 'install',
  proves: 'the agent installs a real MCP server, the stack restarts under it, and the new tools are live',
  needs: 'up',
  leaves: 'installed',
  steps: {
    install: stage<Up>({
      prompt: () => [
        `Install the MCP server "${name}" under the name "${alias}": call manage_stack with`,
        JSON.stringify({ operation: 'install_server', params: { name, target_name: alias, force: true } }),
        'Wait for the answer. To verify, call manage_stack with operation "list_discovered_servers", and then grep with',
        'pattern "install_server". Do nothing else.',
      ].join('\n'),
      calls: [
        {
          server: 'stack', tool: 'manage_stack',
          arguments: { operation: 'install_server', params: { name, target_name: alias, force: true } },
          effect: `the answer says ok, and the overlay on disk lists ${alias}`,
          verifyEffect: (evidence, { paths }) => {
            const answer = parseAnswer(evidence) as { status?: unknown; message?: unknown }
            if (answer.status !== 'ok') {
              throw fail('tool-failed', `install_server answered status ${JSON.stringify(answer.status)}: ${JSON.stringify(answer.message)}`)
            }
            const overlay = readFileSync(overlayFile(paths), 'utf8')
            if (!overlay.includes(alias)) throw fail('not-effective', `install_server says ok, but ${overlayFile(paths)} does not name ${alias}`)
            return Promise.resolve()
          },
        },
        {
          server: 'stack', tool: 'manage_stack', arguments: { operation: 'list_discovered_servers' },
          effect: `the answer names ${alias}`,
          verifyEffect: (evidence) => {
            if (evidence.text.includes(alias)) return Promise.resolve()
            throw fail('not-effective', `list_discovered_servers does not name ${alias}; it says: ${evidence.text.slice(0, 300)}`)
          },
        },
        {
          // Goes through the proxy that was restarted meanwhile: the agent's session must have outlived it.
          server: 'stack', tool: 'grep', arguments: { pattern: 'install_server' },
          effect: 'the restarted proxy answers in the same session',
          verifyEffect: (evidence) => {
            if (evidence.text.includes('docs/servers.md')) return Promise.resolve()
            throw fail('not-effective', `grep does not find install_server in docs/servers.md; it says: ${evidence.text.slice(0, 300)}`)
          },
        },
      ],
    }),
    'new tools are live': step(15, 'not-effective'),
  },
  work: async ({ facts, step, stage }) => {
    await stage('install')
    await step('new tools are live', async () => {
      const before = new Set(facts.tools)
      const added = (await listTools(facts.proxyUrl)).map((tool) => tool.name).filter((tool) => !before.has(tool))
      const echo = added.find((tool) => tool.startsWith(alias) && tool.endsWith('echo'))
      if (echo === undefined) {
        throw fail('not-effective', `after the installation the live proxy has no tool of ${alias}; new are: ${added.join(', ') || 'none'}`)
      }
      // A tool on a list may still be dead: one that answers is alive.
      const message = 'are you there?'
      const answer = await withMcpClient(facts.proxyUrl, (client) => client.callTool({ name: echo, arguments: { message } }))
      if (!JSON.stringify(answer.content).includes(message)) {
        throw fail('tool-failed', `${echo} does not echo; it answered ${JSON.stringify(answer.content).slice(0, 300)}`)
      }
    })
    return { ...facts, alias }
  },
})
