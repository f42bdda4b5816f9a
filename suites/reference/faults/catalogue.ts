import { agentClaimsCalls } from './agent-claims-calls.ts'
import { agentHangs } from './agent-hangs.ts'
import { answerIsNotJson } from './answer-is-not-json.ts'
import { bridgeDoesNotReconnect } from './bridge-does-not-reconnect.ts'
import { bridgeLeavesOrphan } from './bridge-leaves-orphan.ts'
import { bundleDirtiesClone } from './bundle-dirties-clone.ts'
import { environmentFileIgnored } from './environment-file-ignored.ts'
import type { Fault } from './fault.ts'
import { installChangesNothing } from './install-changes-nothing.ts'
import { portHardCoded } from './port-hard-coded.ts'
import { portIgnored } from './port-ignored.ts'
import { proxyNeverAnswers } from './proxy-never-answers.ts'
import { removalLeavesServer } from './removal-leaves-server.ts'
import { toolDropped } from './tool-dropped.ts'

/** Every fault that the lanes of this suite are proven against. */
export const faults: readonly Fault[] = [
  environmentFileIgnored, portHardCoded, portIgnored, bundleDirtiesClone, proxyNeverAnswers,
  toolDropped, answerIsNotJson, agentHangs, agentClaimsCalls,
  installChangesNothing, bridgeDoesNotReconnect, removalLeavesServer, bridgeLeavesOrphan,
]
