import { cdcChecks } from './checks/cdc.ts'
import { daemonChecks } from './checks/daemon.ts'
import { hookChecks } from './checks/hooks.ts'
import { httpChecks } from './checks/http-api.ts'
import { orchestratorChecks } from './checks/orchestrators.ts'
import { prClaimChecks } from './checks/pr-claim.ts'
import { projectChecks } from './checks/projects.ts'
import { realAgentChecks } from './checks/real-agent.ts'
import { reaperChecks } from './checks/reaper.ts'
import { scmFailureChecks } from './checks/scm-failures.ts'
import { scmObserverChecks } from './checks/scm-observer.ts'
import { sendChecks } from './checks/send.ts'
import { spawnChecks } from './checks/spawn.ts'
import { cleanChecks } from './checks/verify-clean.ts'
import { checksLane } from './lanes/checks-lane.ts'

/**
 * The runbook's lanes that ask one daemon of their own. What waits for AO's clocks goes on beside the others: GitHub is looked
 * at every 30 s, the dead every 5 s after a minute, and who takes over a broken run file waits for 5 s.
 */
export const daemon = checksLane('daemon', 'the daemon starts, says how it is, stops, and survives what happens to it', { started: false, beside: true, checks: daemonChecks })
export const projects = checksLane('projects', 'repositories can be registered, listed and removed, and nothing else can', { checks: projectChecks })
export const spawn = checksLane('spawn', 'sessions of every agent are made, listed, killed, restored and cleaned up whole', { checks: spawnChecks })
export const orchestrators = checksLane('orchestrators', 'orchestrators are made, listed and replaced', { checks: orchestratorChecks })
export const send = checksLane('send', 'messages reach the agent as they are, once and in order', { checks: sendChecks })
export const scmObserver = checksLane('scm-observer', 'pull requests on GitHub show in their sessions, and reach the agent once', { started: false, beside: true, checks: scmObserverChecks })
export const scmFailures = checksLane('scm-failures', 'while GitHub fails nothing is lost, and what changed meanwhile is told', { started: false, beside: true, checks: scmFailureChecks })
export const hooks = checksLane('hooks', 'what an agent does shows in its session', { checks: { ...hookChecks, ...realAgentChecks } })
export const prClaim = checksLane('pr-claim', 'a pull request is claimed by one session, whole or not at all', { started: false, beside: true, checks: prClaimChecks })
export const reaper = checksLane('reaper', 'sessions that died by themselves are noticed, and no others', { beside: true, checks: reaperChecks })
export const cdc = checksLane('cdc', 'every change is an event, in order, without gaps, to everybody', { checks: cdcChecks })
export const httpApi = checksLane('http-api', 'every route is there, and every mistake is answered as promised', { checks: httpChecks })
export const verifyClean = checksLane('verify-clean', 'the teardown leaves nothing behind', { checks: cleanChecks })
