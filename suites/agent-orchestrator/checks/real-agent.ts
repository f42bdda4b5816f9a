import { readFileSync } from 'node:fs'
import { fail } from '../../../harness/verdict.ts'
import { findAgent } from '../../../harness/agents/find-agent.ts'
import { comes } from '../comes.ts'
import { eventsOf } from '../github/seen-by-ao.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'
import { placeRealCodex } from '../real-codex.ts'
import { activityOf, sessionOf } from '../world.ts'

/** How long Codex may take to start, ask the model and end its turn. Milliseconds. */
const turn = 45_000

/** How AO gives its hooks to Codex on the command line; in its program as it is here. */
const hooksInFlags = 'hooks.%s=[{hooks=[{type="command"'

/** Why the real agent cannot report to this version; undefined when it can. */
function cannotReport(binary: string): string | undefined {
  try {
    findAgent(process.env.SMOKE_AGENT_BIN)
  } catch (error) {
    return `there is no Codex CLI here: ${error instanceof Error ? error.message : String(error)}`
  }
  return readFileSync(binary).includes(hooksInFlags) ? undefined : 'this version writes its hooks for Codex into the worktree, where Codex does not look since 0.136'
}

export const realAgentChecks: AoChecks = {
  '7.2 the real Codex reports its activity through its hooks': aoCheck(120, async (exam, world) => {
    const { daemon } = world
    const prompt = 'Say that the hooks of clone-smoke work.'
    const codex = await placeRealCodex(daemon)
    let session: string | undefined
    try {
      session = await world.session(exam, { harness: 'codex', prompt })
      const id = session
      const activities = async (): Promise<unknown[]> => (await eventsOf(daemon)).filter(({ type, payload }) => type === 'session_updated' && payload.id === id).map(({ payload }) => payload.activity)
      const has = (activity: string) => comes(async () => (await activities()).includes(activity), turn)
      const active = await has('active')
      const screen = active ? '' : await daemon.terminals.screen(id)
      if (!active && codex.rollouts() === '') throw fail('agent-startup', `the Codex CLI did not begin a session: its screen shows ${JSON.stringify(screen.trim().slice(-600))}`)
      exam.expect(active, 'codex-active', 'when the prompt reaches the real Codex its hook makes the session active', `activities ${JSON.stringify(await activities())}; on its screen: ${screen.trim().slice(-300)}`)
      const idle = await comes(async () => activityOf(await sessionOf(exam, id)) === 'idle', turn)
      exam.expect(idle, 'codex-idle', 'when its turn ends its hook makes the session idle', `activities ${JSON.stringify(await activities())}; session ${JSON.stringify(await sessionOf(exam, id))}`)
      exam.expect(codex.rollouts().includes(prompt), 'codex-prompt', 'the prompt of the spawn is what Codex was asked', `its own record of the session does not have it: ${codex.rollouts().slice(0, 300)}`)
    } finally {
      const { problems } = await codex.remove()
      if (session !== undefined) await exam.api('POST', '/sessions/{}/kill', [session], { mayFail: true })
      if (problems.length > 0) {
        exam.forget()
        throw fail('model-script', `the Codex CLI and the scripted model disagree: ${problems.join('; ')}`)
      }
    }
  }, ({ binary }) => cannotReport(binary)),
}
