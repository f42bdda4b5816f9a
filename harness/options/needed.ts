import { UsageError } from '../errors.ts'
import type { AnySuite, Prerequisite, Source } from '../suite.ts'
import { familyVariable, variableOf } from './definitions.ts'
import type { Options } from './resolve.ts'

/** What a run needs of what its suite declares. */
export interface Needed {
  readonly prerequisites: readonly Prerequisite[]
  readonly sources: Readonly<Record<string, Source>>
}

/**
 * Leaves out what an option of the suite's own stands in for.
 * @throws UsageError when both the option and the source are given
 */
export function neededOf(suite: Pick<AnySuite, 'prerequisites' | 'sources'>, { own, sources }: Pick<Options, 'own' | 'sources'>): Needed {
  const wanted = (unless: string | undefined): boolean => unless === undefined || own[unless] === undefined
  for (const [name, { unless }] of Object.entries(suite.sources)) {
    if (unless !== undefined && !wanted(unless) && sources[name] !== undefined) {
      throw new UsageError(`${variableOf(unless)}=${JSON.stringify(own[unless])} stands in for the source ${JSON.stringify(name)}, which is named too: ${familyVariable('sources', name)}=${JSON.stringify(sources[name])}`, 'leave one of them out')
    }
  }
  return {
    prerequisites: suite.prerequisites.filter(({ unless }) => wanted(unless)),
    sources: Object.fromEntries(Object.entries(suite.sources).filter(([, { unless }]) => wanted(unless))),
  }
}
