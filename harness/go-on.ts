import { shellWord } from './shell-word.ts'

/** What a run that goes on must be told again: where everything else comes from is in the workspace. */
const repeated = /^SMOKE_(SUITE$|SOURCE_|REF_|RESULTS$|AGENT_BIN$|TEST_SCOPE$)/

/** The command that goes on in a workspace, as this run was asked for. */
export function goOnCommand(workspace: string, env: NodeJS.ProcessEnv): string {
  const options = Object.entries(env)
    .filter(([name, value]) => repeated.test(name) && value !== undefined && value !== '')
    .map(([name, value = '']) => `${name}=${shellWord(value)} `)
  return `${options.join('')}SMOKE_WORKSPACE=${shellWord(workspace)} SMOKE_REUSE=1 npx vitest run smoke`
}
