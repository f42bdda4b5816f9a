import { join } from 'node:path'
import { step } from '../../../harness/suite.ts'
import { runFullTests } from '../full-tests.ts'
import { expectOnlyPort, expectOnlyStackProcesses } from '../../../helpers/stack-checks.ts'
import { examineCheckout } from '../checkout.ts'
import { placesIn } from '../places.ts'
import { awaitTools, expectIntendedCatalog } from '../start-stack.ts'
import { lane } from '../states.ts'

export const verifyClean = lane({
  name: 'verify-clean',
  proves: 'the clone passes its full tests and its own clean check, its catalog is live as intended, and nothing else runs',
  needs: 'up',
  leaves: 'up',
  steps: {
    'full tests': step(240, 'check-failed'),
    'make verify-clean': step(120, 'drift'),
    catalog: step(30, 'catalog'),
    'processes and ports': step(10, 'leak'),
  },
  work: async ({ facts, step, skip, testScope }) => {
    if (testScope !== 'full') skip('full tests', `the test scope is "${testScope}"`)
    else {
      await step('full tests', (context) => runFullTests(context, facts.stelae))
    }
    if (!examineCheckout(facts.stelae).makeTargets.has('verify-clean')) skip('make verify-clean', 'this checkout has no such target')
    else {
      await step('make verify-clean', async ({ run }) => {
        await run({ file: 'make', args: ['verify-clean'], cwd: facts.stelae, env: { VERIFY_CLEAN_RESTART_ARGS: [...facts.restartFlags, '--skip-populate-overrides'].join(' ') } })
      })
    }
    await step('catalog', async (context) => {
      expectIntendedCatalog(context, await awaitTools(context, facts.tools))
    })
    await step('processes and ports', ({ env, ports, paths }) => {
      expectOnlyStackProcesses(env, join(placesIn(paths).pm2Home, 'pm2.pid'))
      expectOnlyPort(env, ports.proxy ?? 0)
      return Promise.resolve()
    })
    return facts
  },
})
