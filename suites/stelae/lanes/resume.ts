import { restartStep, step, type LaneContext } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { optionsOf } from '../options.ts'
import { placesIn } from '../places.ts'
import { serversIn } from '../servers.ts'
import { awaitServers, awaitTools, startStack, urlOf } from '../start-stack.ts'
import { lane, type Installed, type Up } from '../states.ts'

const steps = {
  restart: restartStep(10),
  readiness: step(60, 'readiness'),
  'state holds': step(5, 'drift'),
}

/** Starts the stack of an earlier run again, and proves that the servers are those which that run left. */
async function bringBack<Facts extends Up>({ facts, step }: LaneContext<Facts, typeof steps>, more: readonly string[]): Promise<Facts> {
  await step('restart', (context) => startStack(context, facts.restartFlags))
  const proxyUrl = await step('readiness', async (context) => {
    await awaitServers(context)
    await awaitTools(context, facts.tools)
    return urlOf(context.ports)
  })
  await step('state holds', ({ paths }) => {
    const wanted = [...facts.servers, ...more].toSorted()
    const there = serversIn(placesIn(paths).proxyConfig).toSorted()
    if (wanted.join() === there.join()) return Promise.resolve()
    throw fail('drift', `the workspace is not in the state any more in which it was left: its proxy.json has ${there.join(', ')}; it had ${wanted.join(', ')}`, {
      evidence: ['config-home/.state/proxy.json'], remedy: 'begin again in the same place: SMOKE_FORCE_BOOTSTRAP=1',
    })
  })
  return { ...facts, proxyUrl }
}

export const resumeUp = lane({
  name: 'resume', proves: 'a stack that was stopped comes back as it was', needs: 'up', leaves: 'up', steps,
  work: (context: LaneContext<Up, typeof steps>) => bringBack(context, []),
})

export const resumeInstalled = lane({
  name: 'resume', proves: 'a stack that was stopped comes back with what was installed', needs: 'installed', leaves: 'installed', steps,
  work: (context: LaneContext<Installed, typeof steps>) => bringBack(context, optionsOf(context.options).installFlavour === 'real' ? [context.facts.alias] : []),
})
