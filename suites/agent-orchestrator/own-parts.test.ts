import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { commandOf, hasInEnvironment, identify, readProcesses } from '../../harness/processes/table.ts'
import { signalProcess } from '../../harness/sandbox/finish.ts'
import { prClaimChecks } from './checks/pr-claim.ts'
import { sendChecks } from './checks/send.ts'
import type { Finding } from '../../harness/suite.ts'
import { Exam, Seen } from './exam.ts'
import { aoCheck, type AoChecks } from './lanes/checks-lane.ts'
import { onOwnParts } from './own-parts.ts'
import { examine, likeAo, startLikeAo, type LikeAo } from './stand-ins/like-ao.ts'

let ao: LikeAo | undefined
afterEach(async () => {
  await ao?.remove()
  ao = undefined
})

function kill(pid: number): void {
  const process = identify(pid)
  if (!process) throw new Error(`there is no process ${pid}`)
  signalProcess(process, 'SIGKILL')
}

/** What may die under a lane, and what must not be blamed on AO because of it. */
const parts: Readonly<Record<string, { readonly checks: AoChecks; readonly first: readonly string[]; readonly end: (ao: LikeAo) => void; readonly then: readonly string[]; readonly says: string }>> = {
  'the fake GitHub': {
    checks: prClaimChecks, first: ['8.1 claim-pr attaches an open pull request to a session'], then: ['8.1 every way to name it, as often as one likes', '8.1 what cannot be claimed is refused'], says: 'the fake GitHub does not answer',
    end: ({ daemon }) => {
      const server = readProcesses().find(({ pid, zombie }) => !zombie && hasInEnvironment(pid, 'AO_DATA_DIR', daemon.data) && commandOf(pid).includes('server.mjs'))
      kill(server?.pid ?? 0)
    },
  },
  'the terminal server': {
    checks: sendChecks, first: ['5.1 send reaches the agent, and the screen'], then: ['5.1 send keeps umlauts and emoji', '5.2 the sender stands before the message'], says: 'the terminal server of',
    end: ({ daemon }) => {
      const directory = join(daemon.root, 'z')
      for (const file of readdirSync(directory).filter((name) => name.endsWith('.name'))) kill(Number(readFileSync(join(directory, file), 'utf8').split('\n')[1]))
    },
  },
  "the program of an agent's stand-in": {
    checks: sendChecks, first: [], then: ['5.1 send reaches the agent, and the screen', '5.2 the sender stands before the message'], says: 'a recording agent stand-in did not start: ',
    end: ({ daemon }) => {
      for (const name of readdirSync(join(daemon.root, 'bin')).filter((program) => !['ao', 'gh', 'zellij'].includes(program))) {
        const file = join(daemon.root, 'bin', name)
        writeFileSync(file, readFileSync(file, 'utf8').replace('agent.mjs', 'gone.mjs'))
      }
    },
  },
}

test.each(Object.keys(parts))('%s dies: the verdict names it, and nothing is found of AO', async (name) => {
  const part = parts[name]
  if (!part) throw new Error(name)
  const { checks, first, end, then, says } = part
  ao = await likeAo()
  if (checks !== prClaimChecks) await startLikeAo(ao)
  expect(await examine(ao, checks, first)).toEqual({ found: [], thrown: [] })
  end(ao)
  const { found, thrown } = await examine(ao, { ...checks, blame: aoCheck(10, (exam) => { exam.finding('wrong', 'it is right', 'it is wrong'); return Promise.resolve() }) }, checks === prClaimChecks ? then : [...then, 'blame'])
  expect(found).toEqual([])
  expect(thrown.map(({ check }) => check)).toEqual(expect.arrayContaining([...then]))
  for (const { error } of thrown) expect(error).toMatchObject({ verdict: { class: 'harness-bug', diagnosis: expect.stringContaining(says) as string } })
}, 180_000)

test('a daemon that is gone is told as that, once, and nothing that came of it is found', async () => {
  ao = await likeAo()
  await startLikeAo(ao)
  const { daemon, world } = ao
  const found: Finding[] = []
  const exam = new Exam(daemon, new Seen(), '5.1 send', (finding) => { found.push(finding) })
  const work = (): Promise<void> => onOwnParts(exam, async () => {
    await world.session(exam, { harness: 'kimi' })
    exam.finding('wrong', 'it is right', 'it is wrong')
    kill(daemon.pid() ?? 0)
    await exam.api('GET', '/sessions')
  }, { runs: true })
  await expect(work()).rejects.toMatchObject({ verdict: { class: 'check-failed', diagnosis: expect.stringMatching(/^the daemon is gone: its process \d+ has ended, and nobody stopped it$/) as string } })
  exam.flush()
  expect(found).toEqual([])
  expect(daemon.ended).toMatch(/^the daemon is gone/)
}, 60_000)
