import type { RunInfo } from './lanes/run-info.ts'
import { internalVariables } from './options/resolve.ts'
import { shellWord } from './shell-word.ts'

/** What clone-smoke sets itself, and what belongs to one run alone. */
const ofOneRun = new Set([
  ...internalVariables, 'SMOKE_KEEP', 'SMOKE_WORKSPACE', 'SMOKE_REUSE', 'SMOKE_FORCE', 'SMOKE_FORCE_OUTDATED',
  'SMOKE_FORCE_BOOTSTRAP', 'SMOKE_BOOTSTRAP_ONLY', 'SMOKE_SKIP_BOOTSTRAP', 'SMOKE_MANUAL', 'SMOKE_MANUAL_STAGE',
])

/** The options that a command must say again, a suite's own among them, each as a word of a shell with a blank after it. */
export function optionsAgain(env: NodeJS.ProcessEnv, except: readonly string[] = []): string {
  return Object.entries(env)
    .filter(([name, value]) => name.startsWith('SMOKE_') && !ofOneRun.has(name) && !except.includes(name) && value !== undefined && value !== '')
    .map(([name, value = '']) => `${name}=${shellWord(value)} `).join('')
}

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
  return `${optionsAgain(env)}SMOKE_WORKSPACE=${shellWord(workspace)} SMOKE_REUSE=1 npx vitest run ${filters.join(' ')}`
}
