import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { lane } from '../states.ts'
import { daemonsFolder } from './checks-lane.ts'

/** Goes on with the program that an earlier run built; what its daemons kept is put away, for each lane begins with none. */
export const resumeBuilt = lane({
  name: 'resume',
  proves: 'the program that an earlier run built is there and runs',
  needs: 'built',
  leaves: 'built',
  steps: { program: step(20, 'drift') },
  work: async ({ facts, step }) => {
    await step('program', async ({ paths, run, fact }) => {
      rmSync(join(paths.root, daemonsFolder), { recursive: true, force: true })
      if (!existsSync(facts.binary)) throw fail('drift', `the workspace is not in the state any more in which it was left: ${facts.binary} is not there`, { remedy: 'begin again in the same place: SMOKE_FORCE_BOOTSTRAP=1' })
      fact('version.ao', (await run({ file: facts.binary, args: ['version'], cwd: paths.root })).trim())
    })
    return facts
  },
})
