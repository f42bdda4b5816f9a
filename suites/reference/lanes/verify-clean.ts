import { join } from 'node:path'
import { step } from '../../../harness/suite.ts'
import { listTools } from '../../../helpers/mcp-client.ts'
import { expectOnlyPort, expectOnlyStackProcesses, expectSameTools } from '../../../helpers/stack-checks.ts'
import { intendedTools, pm2Home } from '../places.ts'
import { lane } from '../states.ts'

export const verifyClean = lane({
  name: 'verify-clean',
  proves: "the clone passes its own checks and its full tests, its catalog is live as intended, and nothing else runs",
  needs: 'up',
  leaves: 'up',
  steps: {
    'own checks': step(30, 'drift'),
    'full tests': step(60, 'check-failed'),
    catalog: step(15, 'catalog'),
    'processes and ports': step(10, 'leak'),
  },
  work: async ({ facts, step, skip, testScope }) => {
    await step('own checks', async ({ run }) => {
      await run({ file: process.execPath, args: ['scripts/verify-clean.mjs'], cwd: facts.stack })
    })
    if (testScope !== 'full') skip('full tests', `the test scope is "${testScope}"`)
    else {
      await step('full tests', async ({ run }) => {
        await run({ file: 'npm', args: ['test', '--silent'], cwd: facts.stack })
      })
    }
    await step('catalog', async ({ paths }) => {
      expectSameTools(intendedTools(paths), (await listTools(facts.proxyUrl)).map(({ name }) => name))
    })
    await step('processes and ports', ({ env, ports, paths }) => {
      expectOnlyStackProcesses(env, join(pm2Home(paths), 'pm2.pid'))
      expectOnlyPort(env, ports.proxy ?? 0)
      return Promise.resolve()
    })
    return facts
  },
})
