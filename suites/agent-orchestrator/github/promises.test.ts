import { expect, test } from 'vitest'
import { prClaimChecks } from '../checks/pr-claim.ts'
import { scmFailureChecks } from '../checks/scm-failures.ts'
import { scmObserverChecks } from '../checks/scm-observer.ts'
import { countingRounds } from '../comes.ts'
import { allChecks, type AoChecks } from '../lanes/checks-lane.ts'
import { examine, likeAo, type Examined } from '../stand-ins/like-ao.ts'

const lanes = {
  'scm-observer': allChecks('scm-observer', { started: false, checks: scmObserverChecks }),
  'scm-failures': allChecks('scm-failures', { started: false, checks: scmFailureChecks }),
  'pr-claim': allChecks('pr-claim', { started: false, checks: prClaimChecks }),
} satisfies Readonly<Record<string, AoChecks>>

/** Walks a lane, or some of its checks, with a daemon of ours, which breaks these promises. */
async function walk(lane: keyof typeof lanes, faults: readonly string[] = [], titles = Object.keys(lanes[lane])): Promise<Examined> {
  const ao = await likeAo(faults.join(','))
  const work = (): Promise<Examined> => examine(ao, lanes[lane], titles)
  try {
    return await (faults.length > 0 ? countingRounds(ao.rounds, work) : work())
  } finally {
    await ao.remove()
  }
}

test.concurrent.each(['scm-observer', 'scm-failures', 'pr-claim'] as const)('lane %s finds nothing wrong with a daemon that keeps its promises', async (lane) => {
  const { found, thrown } = await walk(lane)
  expect(thrown).toEqual([])
  expect(found.map(({ id, happened }) => `${id}: ${happened}`)).toEqual([])
}, 300_000)

interface Walk {
  readonly lane: keyof typeof lanes
  /** Promises that are broken at once; each is found by what no other of them gives. */
  readonly finds: Readonly<Record<string, readonly string[]>>
  /** Beginnings of the titles of its checks. */
  readonly only: readonly string[]
  /** Sessions without terminals will do, and are sooner made. */
  readonly empty?: boolean
}
const walks: readonly Walk[] = [
  {
    lane: 'scm-observer', only: ['6'], finds: {
      'wrong-token': ['wrong-token'], 'no-user-agent': ['bad-request'], egress: ['egress'], 'always-passing': ['facts red'], 'no-pr-event': ['event pr_created'], 'raw-log': ['control-characters'], 'whole-log': ['whole-log'],
      'needs-log': ['not-told red without a log'], 'nudges-twice': ['told-twice'], 'nudges-again': ['told-again'], 'older-unseen': ['opened-before'], 'closed-untold': ['closed'], 'merged-lives': ['merged-lives'],
      'threads-stay': ['still-unresolved', 'event resolved'], 'no-backfill': ['not-filled'], 'no-pr-update': ['event pr_updated'],
      'disabled-unsaid': ['not-said gh empty', 'not-said gh fails'], 'asks-without-token': ['asked gh empty', 'asked gh absent'],
    },
  },
  { lane: 'scm-failures', only: ['6'], finds: { 'failure-unlogged': ['not-logged graphql'], 'failure-forgets': ['forgot red'], 'stops-at-failure': ['hidden'] } },
  { lane: 'scm-observer', only: ['6.1', '6.4 after', '6.3 the token'], finds: { 'gh-unasked': ['gh-token', 'not-looked'] }, empty: true },
  { lane: 'scm-observer', only: ['6.1'], finds: { blind: ['not-asked'] }, empty: true },
  {
    lane: 'pr-claim', only: ['6', '8.1', '8.2', '8.3 a claim'], finds: {
      egress: ['egress'], 'branch-stays': ['branch'], 'session-get-hides': ['not-in-session-get'], 'no-pr-event': ['event'],
      'failure-is-ours': ['not-told GitHub answers unauthorized', '5xx POST /sessions/{}/pr/claim: GitHub answers cut'], 'attaches-anyway': ['attached GitHub answers unauthorized'],
      'rollback-keeps-row': ['leftover rows spawn --claim-pr'], 'rollback-keeps-branch': ['leftover branches spawn --claim-pr'], 'owner-unnamed': ['owner'], 'both-have-it': ['still-there'], 'asks-without-token': ['asked-without'],
    },
  },
  {
    lane: 'pr-claim', only: ['8.1 claim-pr', '8.1 every', '8.1 what', '8.3'], finds: {
      'branch-said': ['branchChanged'], 'claimed-twice': ['twice'], 'claims-closed': ['accepted a draft', 'accepted a merged pull request'], 'claims-anywhere': ['accepted a pull request of another repository'], 'always-takes-over': ['not-refused', 'cli-not-refused', 'not-one'],
    },
  },
]

test.concurrent.each(walks.map((walk) => ({ ...walk, faults: Object.keys(walk.finds).join(', ') })))('lane $lane finds $faults', async ({ lane, finds, only, empty, faults }) => {
  const titles = Object.keys(lanes[lane]).filter((title) => [...only, '0 GitHub'].some((beginning) => title.startsWith(beginning)))
  const { found, thrown } = await walk(lane, [faults.replaceAll(' ', ''), ...(empty === true ? ['no-terminals'] : [])], titles)
  const ids = found.map(({ id }) => id)
  expect(Object.fromEntries(Object.entries(finds).map(([fault, wanted]) => [fault, wanted.filter((id) => ids.includes(id))])), `not judged: ${thrown.map(({ check, error }) => `${check}: ${String(error)}`).join('; ')}`).toEqual(finds)
}, 300_000)
