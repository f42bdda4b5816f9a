import { readFileSync } from 'node:fs'
import { restartStep, step } from '../../../harness/suite.ts'
import type { LaneContext } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { expectSameTools } from '../../../helpers/stack-checks.ts'
import { intendedTools, overlayFile } from '../places.ts'
import { awaitReady, startStack } from '../start-stack.ts'
import { lane, type Installed, type Up } from '../states.ts'

const steps = {
  restart: restartStep(),
  readiness: step(15, 'readiness'),
  'state holds': step(5, 'drift'),
}

/** Starts the stack of an earlier run again, and proves that it is in the state which that run left. */
async function bringBack<Facts extends Up>({ facts, step }: LaneContext<Facts, typeof steps>, expectOverlay: (overlay: string, facts: Facts) => void): Promise<Facts> {
  await step('restart', (context) => startStack(context, facts.stack))
  const { proxyUrl, tools } = await step('readiness', awaitReady)
  await step('state holds', ({ paths }) => {
    expectOverlay(readFileSync(overlayFile(paths), 'utf8'), facts)
    expectSameTools(intendedTools(paths), tools)
    return Promise.resolve()
  })
  return { ...facts, proxyUrl }
}

const drifted = (what: string): Error => fail('drift', `the workspace is not in the state any more in which it was left: ${what}`, {
  evidence: ['config-home/servers.local.json'], remedy: 'begin again in the same place: SMOKE_FORCE_BOOTSTRAP=1',
})

export const resumeUp = lane({
  name: 'resume', proves: 'a stack that was stopped comes back as it was', needs: 'up', leaves: 'up', steps,
  work: (context: LaneContext<Up, typeof steps>) => bringBack(context, (overlay, facts) => {
    if (overlay !== facts.overlay) throw drifted('its overlay has changed')
  }),
})

export const resumeInstalled = lane({
  name: 'resume', proves: 'a stack that was stopped comes back with what was installed', needs: 'installed', leaves: 'installed', steps,
  work: (context: LaneContext<Installed, typeof steps>) => bringBack(context, (overlay, { alias }) => {
    if (!overlay.includes(alias)) throw drifted(`its overlay does not name ${alias}`)
  }),
})
