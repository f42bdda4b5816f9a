import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Finding } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { Daemon } from '../daemon.ts'
import { Exam, Seen } from '../exam.ts'
import { World } from '../world.ts'
import { judged, LaneGitHub, type GitHubWork } from './lane.ts'
import { throughProxy } from './through-proxy.mjs'

interface Stage { readonly root: string; readonly world: World; readonly lane: LaneGitHub }

/** A lane without a daemon: what is judged here is whether a finding may count. */
async function makeStage(port = 1, binary = process.execPath): Promise<Stage> {
  const root = mkdtempSync(join(tmpdir(), 'lane-'))
  const daemon = new Daemon({ root, binary, port, terminal: 'zellij', env: { PATH: process.env.PATH ?? '' } })
  const world = new World(daemon, { terminal: 'zellij', routes: [], schema: 0 }, () => [])
  return { root, world, lane: await LaneGitHub.of(world) }
}
async function removeStage({ lane, root }: Stage): Promise<void> {
  await lane.stop()
  rmSync(root, { recursive: true, force: true })
}

let stage: Stage
beforeAll(async () => { stage = await makeStage() })
afterAll(() => removeStage(stage))

async function judge({ world, lane }: Stage, work: GitHubWork, seen = new Seen()): Promise<{ found: Finding[]; thrown: unknown }> {
  const found: Finding[] = []
  const exam = new Exam(world.daemon, seen, '6.2 a check', (finding) => { found.push(finding) })
  const thrown: unknown = await judged(exam, world, lane, work).then(() => undefined, (error: unknown) => error)
  exam.flush()
  return { found, thrown }
}
const blames: GitHubWork = (own) => {
  own.byHand('do this')
  own.finding('wrong', 'it is right', 'it is wrong', 'low')
  return Promise.resolve()
}
const ours = (says: string): object => ({ verdict: { class: 'harness-bug', diagnosis: expect.stringContaining(says) as string } })

test('what is found while GitHub is sound counts, with how to see it', async () => {
  expect(await judge(stage, blames)).toMatchObject({ thrown: undefined, found: [{ id: 'wrong', section: '6.2', promised: 'it is right', happened: 'it is wrong', severity: 'low', reproduce: 'do this' }] })
})

test('what is to be typed names nothing of the fake, which is gone by then', async () => {
  const exam = new Exam(stage.world.daemon, new Seen(), '6.2 a check', () => undefined)
  await expect(stage.lane.start(exam, { OTHER: 'x' })).rejects.toThrow('the daemon does not start')
  expect(exam.again()).toMatch(/^ao stop; AO_GITHUB_TOKEN="\$GITHUB_TOKEN" OTHER=x ao start --log-file daemon.log # GitHub was a stand-in/)
})

test('what is found begins with the start of the daemon, once and however much was done after it', async () => {
  const own = await makeStage(1, '/bin/true')
  const lines = async (work: GitHubWork): Promise<string[]> => {
    const { found: [finding], thrown } = await judge(own, async (...given) => {
      await work(...given)
      for (let deed = 1; deed <= 12; deed += 1) given[0].byHand(`deed ${deed}`)
      await blames(...given)
    })
    expect(thrown).toBeUndefined()
    return (finding?.reproduce ?? '').split('\n')
  }
  const withToken = expect.stringMatching(/^ao stop; AO_GITHUB_TOKEN="\$GITHUB_TOKEN" ao start .* # GitHub was a stand-in/) as string
  const last = [5, 6, 7, 8, 9, 10, 11, 12].map((deed) => `deed ${deed}`)
  try {
    expect(await lines(() => Promise.resolve())).toEqual(['deed 5', ...last.slice(1), 'do this'])
    expect(await lines((exam, _world, lane) => lane.start(exam))).toEqual([withToken, ...last, 'do this'])
    expect(await lines(() => Promise.resolve())).toEqual([withToken, ...last, 'do this'])
    const without = async (state: 'fails' | 'absent'): Promise<string[]> => lines(async (exam, _world, lane) => {
      lane.setGh({ state })
      await lane.restart(exam, { AO_GITHUB_TOKEN: '', GITHUB_TOKEN: '' })
    })
    expect(await without('fails')).toEqual([expect.stringContaining('> bin/gh'), 'ao stop; PATH="$PWD/bin:$PATH" AO_GITHUB_TOKEN= GITHUB_TOKEN= ao start --log-file daemon.log # a gh that is not logged in', ...last, 'do this'])
    expect(await without('absent')).toEqual(['ao stop; AO_GITHUB_TOKEN= GITHUB_TOKEN= ao start --log-file daemon.log # where no gh is on PATH', ...last, 'do this'])
  } finally {
    await removeStage(own)
  }
})

test('asked for what the fake does not know: nothing counts, and the verdict is against clone-smoke', async () => {
  const { proxy = '', ca = '' } = { proxy: stage.lane.env.HTTPS_PROXY, ca: stage.lane.env.SSL_CERT_FILE }
  expect(await judge(stage, async (...given) => {
    await blames(...given)
    await throughProxy({ proxy, ca }, 'https://api.github.com/orgs/acme', { headers: { 'User-Agent': 'x' } })
  })).toMatchObject({ found: [], thrown: ours('not among what the fake knows') })
})

test('unplugged in the middle or before: the same, whatever the check fell over', async () => {
  const own = await makeStage()
  try {
    expect(await judge(own, async (...given) => {
      await blames(...given)
      await own.lane.stop()
      throw new Error('a session could not be made')
    })).toMatchObject({ found: [], thrown: ours('does not answer') })
    expect(await judge(own, blames)).toMatchObject({ found: [], thrown: ours('does not answer') })
  } finally {
    await removeStage(own)
  }
})

test('answers that came while it was unplugged are not judged at the end of the lane either', async () => {
  const server = createServer((_request, response) => { response.writeHead(500).end('{"at":"2026-01-01T00:00:00+05:30"}') }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const own = await makeStage((server.address() as AddressInfo).port)
  try {
    const seen = new Seen()
    const calls: GitHubWork = async (exam) => { await exam.api('GET', '/sessions') }
    await judge(own, calls, seen)
    const before = { errors: 1, envelopes: ['GET /sessions -> 500 {"at":"2026-01-01T00:00:00+05:30"}'], times: ['GET /sessions -> 2026-01-01T00:00:00+05:30'] }
    expect({ errors: seen.serverErrors.length, envelopes: [...seen.envelopes], times: [...seen.times] }).toEqual(before)
    const { thrown } = await judge(own, async (exam, ...rest) => {
      await exam.api('GET', '/projects')
      await own.lane.stop()
      await calls(exam, ...rest)
    }, seen)
    expect(thrown).toMatchObject(ours('does not answer'))
    expect({ errors: seen.serverErrors.length, envelopes: [...seen.envelopes], times: [...seen.times] }).toEqual(before)
  } finally {
    await removeStage(own)
    server.close()
    server.closeAllConnections()
  }
})

test('a check that cannot be judged says so, when GitHub is sound', async () => {
  expect(await judge(stage, async (...given) => {
    await blames(...given)
    throw fail('check-failed', 'no session')
  })).toMatchObject({ found: [{ id: 'wrong' }], thrown: { verdict: { class: 'check-failed', diagnosis: 'no session' } } })
})
