import { existsSync, lstatSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { step } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { optionsOf } from '../options.ts'
import { lane } from '../states.ts'
import { removesSharedDirectory } from './bootstrap.ts'
import { daemonsFolder } from './checks-lane.ts'

/** Goes on with the program that an earlier run built; what its daemons kept is put away, for each lane begins with none. */
export const resumeBuilt = lane({
  name: 'resume',
  proves: 'the program that an earlier run built is there and runs',
  needs: 'built',
  leaves: 'built',
  steps: { program: step(20, 'drift') },
  work: async ({ facts, step }) => {
    await step('program', async (context) => {
      const { paths, run, fact, options } = context
      if (facts.can.terminal === 'zellij') removesSharedDirectory(context)
      rmSync(join(paths.root, daemonsFolder), { recursive: true, force: true })
      if (!existsSync(facts.binary)) throw fail('drift', `the workspace is not in the state any more in which it was left: ${facts.binary} is not there`, { remedy: 'begin again in the same place: SMOKE_FORCE_BOOTSTRAP=1' })
      const other = otherProgram(facts.binary, optionsOf(options).aoBin)
      if (other !== undefined) throw fail('drift', other, { remedy: 'take the new one in the same place: SMOKE_FORCE_BOOTSTRAP=1; or name what this workspace was made with' })
      fact('version.ao', (await run({ file: facts.binary, args: ['version'], cwd: paths.root })).trim())
    })
    return facts
  },
})

/** What is asked for now, where that is not the program of the workspace: its lanes would judge another than the one meant. */
function otherProgram(binary: string, aoBin: string | undefined): string | undefined {
  // One that was built is a link into the cache.
  const built = lstatSync(binary).isSymbolicLink()
  if (aoBin === undefined) return built ? undefined : `the workspace has a program that was given, and now a source is named: ${binary}`
  return readFileSync(aoBin).equals(readFileSync(binary)) ? undefined : `the program of the workspace is another than SMOKE_AO_BIN=${JSON.stringify(aoBin)}: ${binary}`
}
