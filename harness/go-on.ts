import type { RunInfo } from './lanes/run-info.ts'
import { shellWord } from './shell-word.ts'

/** What a run that goes on must be told again: where everything else comes from is in the workspace. */
const repeated = /^SMOKE_(SUITE$|SOURCE_|REF_|RESULTS$|AGENT_BIN$|TEST_SCOPE$)/

/** The filter that all lanes pass. */
export const allLanes = ['smoke'] as const

/**
 * Vitest's filters for the run that goes on: the lanes that were asked for. After SMOKE_BOOTSTRAP_ONLY all of them, for
 * which the first one was prepared.
 */
export function filtersOf({ lanes, selected, options }: Pick<RunInfo, 'lanes' | 'selected'> & { readonly options: Pick<RunInfo['options'], 'bootstrapOnly'> }): readonly string[] {
  if (options.bootstrapOnly || lanes.every((lane) => selected.includes(lane))) return allLanes
  return lanes.filter((lane) => selected.includes(lane)).map((lane) => `${lane}.smoke`)
}

/** The command that goes on in a workspace, as this run was asked for. */
export function goOnCommand(workspace: string, env: NodeJS.ProcessEnv, filters: readonly string[]): string {
  const options = Object.entries(env)
    .filter(([name, value]) => repeated.test(name) && value !== undefined && value !== '')
    .map(([name, value = '']) => `${name}=${shellWord(value)} `)
  return `${options.join('')}SMOKE_WORKSPACE=${shellWord(workspace)} SMOKE_REUSE=1 npx vitest run ${filters.join(' ')}`
}
