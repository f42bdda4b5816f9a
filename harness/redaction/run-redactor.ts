import { agentLogins } from '../agents/find-agent.ts'
import { workspacePaths } from '../sandbox/workspace-paths.ts'
import type { AnySuite } from '../suite.ts'
import { useRedactor } from './of-this-process.ts'
import { Redactor } from './redactor.ts'
import { lookForSecrets } from './run-secrets.ts'

/**
 * The one redactor of a run in this process: it knows this process's environment, and finds what turns up in the workspace.
 * @param agentHome where settings of the agent came from: a person who plays a stage uses the login beside them
 */
export function runRedactor(root: string, suite: AnySuite, agentHome?: string): Redactor {
  const paths = workspacePaths(root)
  const homes = [paths.agentHome, ...(agentHome === undefined ? [] : [agentHome])]
  return useRedactor(new Redactor({
    root, look: lookForSecrets({ root, environmentFiles: suite.environmentFiles?.(paths) ?? [], logins: homes.flatMap(agentLogins) }),
  }))
}
