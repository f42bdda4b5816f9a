import { agentClaimsCalls } from './agent-claims-calls.ts'
import { agentHangsAfterLastEvent } from './agent-hangs-after-last-event.ts'
import { agentHangsBeforeFirstEvent } from './agent-hangs-before-first-event.ts'
import { agentHangsInTurn } from './agent-hangs-in-turn.ts'
import { agentHidesCall } from './agent-hides-call.ts'
import { agentLacksFlag } from './agent-lacks-flag.ts'
import { agentMakesNoCall } from './agent-makes-no-call.ts'
import { agentRefusesCalls } from './agent-refuses-calls.ts'
import { agentRejectsFlag } from './agent-rejects-flag.ts'
import { agentTranscriptCut } from './agent-transcript-cut.ts'
import { answerIsNotJson } from './answer-is-not-json.ts'
import { bridgeDoesNotReconnect } from './bridge-does-not-reconnect.ts'
import { bridgeLeavesOrphan } from './bridge-leaves-orphan.ts'
import { bundleDirtiesClone } from './bundle-dirties-clone.ts'
import { bundleFallsSilent } from './bundle-falls-silent.ts'
import { bundleRestartsAnyway } from './bundle-restarts-anyway.ts'
import { bundleSaysNothing } from './bundle-says-nothing.ts'
import { bundleWaitsForRestart } from './bundle-waits-for-restart.ts'
import { configFallsBackToRepository } from './config-falls-back-to-repository.ts'
import { descriptorWithoutLaunch } from './descriptor-without-launch.ts'
import { environmentFileIgnored } from './environment-file-ignored.ts'
import { environmentNotHandedOn } from './environment-not-handed-on.ts'
import type { Fault } from './fault.ts'
import { hostFileTouched } from './host-file-touched.ts'
import { hostGuardrailsSet } from './host-guardrails-set.ts'
import { installChangesNothing } from './install-changes-nothing.ts'
import { installDirtiesClone } from './install-dirties-clone.ts'
import { pm2DaemonDies } from './pm2-daemon-dies.ts'
import { pm2HomeBroken } from './pm2-home-broken.ts'
import { portHardCoded } from './port-hard-coded.ts'
import { portHeldBefore } from './port-held-before.ts'
import { portIgnored } from './port-ignored.ts'
import { portTakenMeanwhile } from './port-taken-meanwhile.ts'
import { probeAcceptsAnyServer } from './probe-accepts-any-server.ts'
import { proxyNeverAnswers } from './proxy-never-answers.ts'
import { rawToolsBesideAggregates } from './raw-tools-beside-aggregates.ts'
import { removalLeavesServer } from './removal-leaves-server.ts'
import { restartNeverReady } from './restart-never-ready.ts'
import { schemaRepeatsValues } from './schema-repeats-values.ts'
import { secretPrinted } from './secret-printed.ts'
import { serverDiesAtStart } from './server-dies-at-start.ts'
import { serverDiesUnderProxy } from './server-dies-under-proxy.ts'
import { serverIsSlow } from './server-is-slow.ts'
import { serverLeavesOrphan } from './server-leaves-orphan.ts'
import { toolDropped } from './tool-dropped.ts'
import { workspaceHasDrifted } from './workspace-has-drifted.ts'
import { workspaceIsStale } from './workspace-is-stale.ts'

/** Every fault that the lanes of this suite are proven against. */
export const faults: readonly Fault[] = [
  // configuration and ports
  environmentFileIgnored, environmentNotHandedOn, portHardCoded, portIgnored, configFallsBackToRepository, portHeldBefore, portTakenMeanwhile,
  // the starter bundle
  bundleDirtiesClone, bundleRestartsAnyway, bundleWaitsForRestart, bundleSaysNothing, bundleFallsSilent, serverDiesAtStart,
  // the restart
  proxyNeverAnswers, restartNeverReady, probeAcceptsAnyServer, pm2DaemonDies, pm2HomeBroken, serverIsSlow,
  // the catalog
  serverDiesUnderProxy, rawToolsBesideAggregates, schemaRepeatsValues, toolDropped, answerIsNotJson,
  // the agent
  agentLacksFlag, agentRejectsFlag, agentHangsBeforeFirstEvent, agentHangsInTurn, agentHangsAfterLastEvent, agentTranscriptCut, agentRefusesCalls, agentMakesNoCall, agentClaimsCalls, agentHidesCall,
  // installation and removal
  descriptorWithoutLaunch, installChangesNothing, installDirtiesClone, bridgeDoesNotReconnect, removalLeavesServer,
  // what stays behind
  bridgeLeavesOrphan, serverLeavesOrphan, hostFileTouched, hostGuardrailsSet, secretPrinted, workspaceIsStale, workspaceHasDrifted,
]
