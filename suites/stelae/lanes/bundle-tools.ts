import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { stage, step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { expectText } from '../../../helpers/answers.ts'
import { readTap } from '../../../helpers/mcp-tap.ts'
import { expectOk, readmePath } from '../manage-answer.ts'
import { placesIn } from '../places.ts'
import { lane, serverToInstall, type Up } from '../states.ts'
import { excerpt } from '../../../harness/redaction/excerpt.ts'

export const bundleTools = lane({
  name: 'bundle-tools',
  proves: 'the tools of the starter bundle are offered to the agent and work through it',
  needs: 'up',
  leaves: 'up',
  steps: {
    'bundle-tools': stage<Up>({
      prompt: () => [
        'Look at the tools of the MCP server "stelae". Use MCP tools only, no shell. Then call, in this order:',
        `1. workspace_fs_read with operation "read_file" and path "${readmePath}"`,
        `2. grep with pattern "manage_stelae", paths ["${readmePath}"], recursive false, regexp false, line_number true`,
        '3. manage_stelae with operation "list_discovered_servers"',
        'Say what each call answered. Do nothing else.',
      ].join('\n'),
      calls: [
        {
          server: 'stelae', tool: 'workspace_fs_read', arguments: { operation: 'read_file', path: readmePath },
          effect: "the answer is the README of the sandbox's own clone",
          verifyEffect: (evidence, { facts }) => expectText(evidence, readFileSync(join(facts.stelae, 'README.md'), 'utf8').slice(0, 400)),
        },
        {
          server: 'stelae', tool: 'grep', arguments: { pattern: 'manage_stelae', paths: [readmePath], recursive: false, regexp: false, line_number: true },
          effect: 'the answer names lines of the README, or none where the word is not in it',
          verifyEffect: (evidence, { facts }) => {
            if (readFileSync(join(facts.stelae, 'README.md'), 'utf8').includes('manage_stelae')) return expectText(evidence, 'line_num')
            if (!evidence.text.includes('line_num')) return Promise.resolve()
            throw fail('not-effective', `grep names lines of a README without the word: ${excerpt(evidence.text, 200)}`)
          },
        },
        {
          server: 'stelae', tool: 'manage_stelae', arguments: { operation: 'list_discovered_servers' },
          effect: 'the answer has status ok and lists what can be installed',
          verifyEffect: (evidence) => {
            expectOk(evidence)
            return expectText(evidence, serverToInstall.name)
          },
        },
      ],
    }),
    'tools listed': step(5, 'catalog'),
  },
  work: async ({ facts, step, stage }) => {
    await stage('bundle-tools')
    await step('tools listed', ({ paths }) => {
      const listed = readTap(placesIn(paths).wire).findLast(({ method }) => method === 'tools/list')?.tools ?? []
      const missing = facts.tools.filter((name) => !listed.includes(name))
      if (missing.length === 0) return Promise.resolve()
      throw fail('catalog', `the bridge offered the agent ${listed.length === 0 ? 'no tools' : listed.join(', ')}; the proxy offers ${missing.join(', ')} as well`, {
        evidence: [placesIn(paths).wireCopy], remedy: 'a bridge that starts before the proxy is ready stays with tools of its own',
      })
    })
    return facts
  },
})
