import type { ExpectedFinding } from '../../harness/suite.ts'
import { capabilities, type Capabilities } from './capabilities.ts'

/**
 * How old a version is: the number of its database's schema. Two numbers stand for two versions that were walked: with the
 * half are the one whose cleanup tells what it skipped (10), and the one that uses tmux (19).
 */
const ageOf = ({ schema, terminal, tellsSkipped }: Capabilities): number =>
  schema + ((schema === 10 && tellsSkipped === true) || (schema === 19 && terminal === 'tmux') ? 0.5 : 0)

/** The versions that were walked, by age and commit; the first is the runbook's, the last is 17 days younger. */
const walked: ReadonlyMap<number, string> = new Map([[7, 'b13f413'], [10, '8d0c53e'], [10.5, '40bd2df'], [13, '9ae9f08'], [19, 'ea54f31'], [19.5, '9ae0573']])

/** What AO is known not to keep, as runs recorded it: request, answer and log. */
interface Known {
  readonly step: string
  readonly id: string
  /** Age of the first version walked that gave it; default: the oldest. */
  readonly from?: number
  /** Age of the last one that gave it; default: the youngest. */
  readonly until?: number
  /** It depends on timing. */
  readonly sometimes?: boolean
}

const known: readonly Known[] = [
  { step: '1 a wrong command line', id: 'usage nonsense' },
  { step: '1.1 a run file that is broken', id: 'run-file-blocks a pid of somebody else' },
  { step: '1.1 a run file that is broken', id: 'run-file-blocks empty' },
  { step: '1.1 a run file that is broken', id: 'run-file-blocks half of JSON' },
  { step: '1.1 a web page cannot shut it down', id: 'read-with-host' },
  { step: '1.1 a web page cannot shut it down', id: 'write-from-origin', until: 7 },
  { step: '1.1 two starts at once make one daemon', id: 'race-daemons', from: 19, sometimes: true },
  { step: '1.1 two starts at once make one daemon', id: 'start-race', from: 19, sometimes: true },
  { step: '1.5 stop: the process ends, the run file goes', id: 'name-not_running' },
  { step: '1.5 stop: the process ends, the run file goes', id: 'stop-returns-early', until: 10.5, sometimes: true },
  { step: '10.1 what happens is in the log, in order and without gaps', id: 'time-not-utc', until: 10.5 },
  { step: '10 events of lane orchestrators', id: 'gaps', from: 10, until: 10.5 },
  { step: '10 events of lane scm-observer', id: 'gaps', from: 10, until: 10.5 },
  { step: '10 events of lane spawn', id: 'gaps', from: 10 },
  { step: '10.2 stop ends also while somebody reads', id: 'stop-error' },
  { step: '10.2 stop ends also while somebody reads', id: 'stop-waits-for-readers' },
  { step: '11 a large body is refused, and the daemon lives', id: '5xx POST /sessions: 10 MB', until: 7 },
  { step: '11 a large body is refused, and the daemon lives', id: 'large POST /sessions', until: 7 },
  { step: '11 /mux opens a WebSocket, and not to a web page', id: 'mux-origin', until: 7 },
  { step: '11 every answer in lane cdc', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane daemon', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane hooks', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane http-api', id: 'cause-not-logged', until: 7 },
  { step: '11 every answer in lane http-api', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane orchestrators', id: 'cause-not-logged', until: 10 },
  { step: '11 every answer in lane orchestrators', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane pr-claim', id: 'time-not-utc', until: 10.5 },
  // Of newer versions it is lastActivityAt, which the reaper writes in local time.
  { step: '11 every answer in lane projects', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane reaper', id: 'time-not-utc' },
  { step: '11 every answer in lane scm-failures', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane scm-observer', id: 'cause-not-logged', until: 7 },
  { step: '11 every answer in lane scm-observer', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane send', id: 'cause-not-logged', until: 10 },
  { step: '11 every answer in lane send', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane spawn', id: 'cause-not-logged', until: 10 },
  { step: '11 every answer in lane spawn', id: 'time-not-utc', until: 10.5 },
  { step: '11 every answer in lane verify-clean', id: 'time-not-utc', until: 10.5 },
  { step: '11 every promised route is there', id: 'not-implemented POST /prs/{}/merge' },
  { step: '11 every promised route is there', id: 'not-implemented POST /prs/{}/resolve-comments' },
  { step: '11 ids that are none are not found', id: 'accepted GET /sessions/{}/reviews: odd id', from: 13 },
  { step: '11 ids that are none are not found', id: 'accepted POST /sessions/{}/activity: odd id', until: 10.5 },
  { step: '11 ids that are none are not found', id: 'accepted POST /sessions/{}/kill: odd id' },
  { step: '11 ids that are none are not found', id: 'accepted POST /sessions/{}/rollback: odd id', from: 10 },
  { step: '12 what it keeps is below the directories that it was given', id: 'socket-directory', until: 19 },
  { step: "12 the runbook's teardown leaves nothing", id: 'worktrees', until: 7 },
  { step: '2.1 add at the same time registers once', id: 'registered-twice', until: 7, sometimes: true },
  { step: '2.1 add refuses what is no new repository, and registers nothing', id: 'accepted POST /projects: the id "xxxxxxxxxxxxxxxxxxxx"' },
  { step: '2.1 add registers a clone with its origin', id: 'name-repoOriginURL' },
  { step: '2.1 add takes every legal repository, and tells its default branch', id: 'default-branch default branch master', until: 10.5 },
  { step: '2.1 add takes every legal repository, and tells its default branch', id: 'default-branch default branch trunk, no remote', until: 10.5 },
  { step: '2.4 rm of a project with a session that lives', id: 'orphan', until: 10.5 },
  { step: '3.1 a branch that another session has', id: '5xx POST /sessions: a branch that another session has', until: 7 },
  { step: '3.1 a branch that another session has', id: 'leftover rows POST /sessions: a branch that another session has', until: 7 },
  { step: '3.1 a project that was removed', id: 'leftover rows POST /sessions: a removed project', until: 7 },
  { step: '3.1 four spawns at once', id: '5xx POST /sessions: four at once', sometimes: true },
  { step: '3.1 four spawns at once', id: 'at-once', sometimes: true },
  { step: '3.1 legal repositories can be worked in', id: '5xx POST /sessions: a repository without a commit', until: 7 },
  { step: '3.1 legal repositories can be worked in', id: '5xx POST /sessions: default branch master', until: 7 },
  { step: '3.1 legal repositories can be worked in', id: '5xx POST /sessions: no remote', until: 7 },
  { step: '3.1 legal repositories can be worked in', id: 'leftover rows POST /sessions: a repository without a commit', until: 7 },
  { step: '3.1 legal repositories can be worked in', id: 'leftover rows default branch master', until: 7 },
  { step: '3.1 legal repositories can be worked in', id: 'leftover rows no remote', until: 7 },
  { step: '3.1 legal repositories can be worked in', id: 'spawn default branch master', until: 10.5 },
  { step: '3.1 legal repositories can be worked in', id: 'spawn no remote', until: 10.5 },
  { step: '3.1 names and places are those of the text', id: 'id-form' },
  { step: '3.1 names and places are those of the text', id: 'ls-names' },
  { step: '3.1 names and places are those of the text', id: 'worktree-place' },
  { step: '3.1 the program of the agent is not there', id: 'accepted POST /sessions: an agent that is not installed', until: 7 },
  { step: '3.1 the program of the agent is not there', id: 'leftover branches POST /sessions: an agent that is not installed', from: 10 },
  { step: '3.1 the program of the agent is not there', id: 'leftover rows POST /sessions: an agent that is not installed', from: 10 },
  { step: '3.1 the program of the agent is not there', id: 'leftover worktrees POST /sessions: an agent that is not installed', from: 10, until: 10 },
  { step: '3.1 the terminal program fails', id: 'leftover branches a broken terminal program', until: 19 },
  { step: '3.1 the terminal program fails', id: 'leftover rows a broken terminal program', until: 19 },
  { step: '3.1 what cannot be spawned is refused, and leaves nothing', id: '5xx POST /sessions: a branch that is checked out in the repository', until: 7 },
  { step: '3.1 what cannot be spawned is refused, and leaves nothing', id: '5xx POST /sessions: an illegal branch' },
  { step: '3.1 what cannot be spawned is refused, and leaves nothing', id: '5xx POST /sessions: an unknown harness', until: 10.5 },
  { step: '3.1 what cannot be spawned is refused, and leaves nothing', id: '5xx POST /sessions: an unknown kind' },
  { step: '3.1 what cannot be spawned is refused, and leaves nothing', id: '5xx POST /sessions: an unknown project', until: 7 },
  { step: '3.1 what cannot be spawned is refused, and leaves nothing', id: 'leftover rows POST /sessions: a branch that is checked out in the repository', until: 7 },
  { step: '3.1 what cannot be spawned is refused, and leaves nothing', id: 'leftover rows POST /sessions: an illegal branch', until: 7 },
  { step: '3.2 AO_AGENT is the default agent', id: 'agent-required', from: 19 },
  { step: '3.2 AO_AGENT is the default agent', id: 'default-harness', until: 10.5 },
  { step: '3.7 kill ends a session of claude-code', id: '5xx POST /sessions/{}/kill: a second time', until: 10 },
  { step: '3.7 kill ends a session of claude-code', id: 'kill', until: 10 },
  { step: '3.7 kill ends a session of claude-code', id: 'kill-again', until: 10 },
  { step: '3.7 kill ends a session of claude-code', id: 'worktree-gone', from: 10.5 },
  { step: '3.7 kill ends a session of kimi', id: 'worktree-gone' },
  { step: '3.7 kill of what is not there', id: 'accepted POST /sessions/{}/kill: an unknown session' },
  { step: '3.8 three restores at once', id: 'restore-at-once', sometimes: true },
  { step: '3.8 three restores at once', id: 'restored-at-once', sometimes: true },
  { step: '3.9 uncommitted work outlives kill, cleanup and a restart', id: 'work-lost-by-restart', from: 19.5 },
  { step: '3.9 cleanup prunes the worktrees of ended sessions', id: 'cleanup-again' },
  { step: '3.9 cleanup prunes the worktrees of ended sessions', id: 'cleanup-left claude-code', until: 10 },
  { step: '4.1 a clean one takes the place of the one before', id: '5xx POST /orchestrators: clean', until: 10 },
  { step: '4.1 a clean one takes the place of the one before', id: 'clean', until: 10 },
  { step: '4.1 a clean one takes the place of the one before', id: 'clean-lost', until: 10 },
  { step: '4.1 a local repository, as it was registered', id: '5xx POST /orchestrators: a repository without a remote', until: 7 },
  { step: '4.1 a local repository, as it was registered', id: 'leftover rows a repository without a remote', until: 7 },
  { step: '4.1 a local repository, as it was registered', id: 'spawn-local', until: 10.5 },
  { step: '4.1 what cannot be spawned is refused', id: '5xx POST /orchestrators: an unknown project', until: 7 },
  { step: '5.1 send keeps a leading dash', id: '5xx POST /sessions/{}/send', from: 19.5 },
  { step: '5.1 send keeps a leading dash', id: 'kept', from: 19.5 },
  { step: '5.1 send keeps a leading dash', id: 'send', from: 19.5 },
  { step: '5.1 what is sent to an agent that was killed is not run by a shell', id: 'run-by-shell', until: 13 },
  { step: '5.1 what is sent to an agent that was killed is not run by a shell', id: 'run-by-shell', from: 19.5 },
  { step: '5.1 two at the same time do not mix', id: 'mixed', sometimes: true },
  { step: '5.3 what cannot be sent is refused, and does not arrive', id: 'accepted POST /sessions/{}/send: only blanks' },
  { step: '5.3 what cannot be sent is refused, and does not arrive', id: 'accepted POST /sessions/{}/send: only control characters' },
  { step: '6.2 a red pull request is told to the agent once', id: 'control-characters', until: 13 },
  { step: '6.2 what changes while the daemon runs is told within one tick', id: '5xx POST /sessions: in a project whose origin was never fetched', until: 7 },
  { step: '6.2 what changes while the daemon runs is told within one tick', id: 'merged-lives' },
  { step: '6.2 what changes while the daemon runs is told within one tick', id: 'opened-before' },
  { step: '6.2 when GitHub is well again what changed is told, and one repository that is gone hides no other', id: 'hidden' },
  { step: '6.3 without a token the observer says so, and does nothing', id: 'not-said gh absent' },
  { step: '6.3 without a token the observer says so, and does nothing', id: 'not-said gh fails' },
  { step: '6.5 an origin that is added later is written into the project', id: 'spawn', until: 10.5 },
  { step: '6.6 an open review thread is told, and that it was resolved', id: 'event resolved', until: 7 },
  { step: '7.1 hooks of claude-code are in the worktree', id: 'hook-token' },
  { step: '7.1 hooks of claude-code are in the worktree', id: 'worktree-dirty', until: 10 },
  { step: '7.1 hooks of codex are in the worktree', id: 'hook-place', from: 10 },
  { step: '7.1 hooks of codex are in the worktree', id: 'worktree-dirty', until: 7 },
  { step: '7.1 hooks of cursor are in the worktree', id: 'worktree-dirty', until: 10 },
  { step: '7.1 grok has no hooks of its own', id: 'hook-config' },
  { step: '7.1 opencode has no hooks of its own', id: 'hook-config' },
  { step: '7.2 activity that is refused', id: 'accepted POST /sessions/{}/activity: an unknown session', until: 10.5 },
  { step: '7.2 an agent finds the ao that started it, also with another one on the PATH', id: 'foreign-ao', until: 7 },
  { step: '7.2 exited ends the session, and nothing wakes it', id: 'exited-terminal' },
  { step: '8.1 claim-pr attaches an open pull request to a session', id: 'branch' },
  { step: '8.1 claim-pr attaches an open pull request to a session', id: 'not-in-session-get' },
  { step: '8.1 claim-pr attaches an open pull request to a session', id: 'text' },
  { step: '8.2 a spawn whose claim fails leaves no session', id: 'leftover branches spawn --claim-pr' },
  { step: '8.2 a spawn whose claim fails leaves no session', id: 'leftover rows spawn --claim-pr' },
  { step: '8.2 a spawn whose claim fails leaves no session', id: 'leftover worktrees spawn --claim-pr', until: 10 },
  { step: '8.2 a spawn whose claim fails leaves no session', id: 'rollback', until: 10 },
  { step: '9.1 a session whose agent was killed is not said to work', id: 'dead-agent-works' },
  { step: '9.1 a session whose terminal was ended from outside is terminated', id: 'no-reason' },
  { step: '9.1 so is one that waits for input', id: 'waiting-not-reaped' },
]

/**
 * The findings to expect of a version, by what it can. Of one that was walked they are known; of another, those of the next older
 * and the next younger one may come, and need not. None before anything is known of it. A program that does not say which
 * commit it is of is taken for the one of its age that was walked.
 */
export function expectedFindings(facts: object): ExpectedFinding[] {
  const can = 'can' in facts ? capabilities.parse(facts.can) : undefined
  if (!can) return []
  const [age, ages] = [ageOf(can), [...walked.keys()]]
  const commit = 'commit' in facts && typeof facts.commit === 'string' ? facts.commit : undefined
  const exact = walked.has(age) && (commit === undefined || commit.startsWith(walked.get(age) ?? ''))
  // Where the schema could not be read any of it may come.
  const near = exact ? [age] : can.schema === 0 ? ages : [ages.findLast((one) => one <= age), ages.find((one) => one > age)].filter((one) => one !== undefined)
  const may = known.filter(({ from = 0, until = Infinity }) => near.some((one) => from <= one && one <= until))
  // One that went and came back has two entries.
  return may.filter(({ step, id }, index) => may.findIndex((one) => one.step === step && one.id === id) === index)
    .map(({ step, id, sometimes }) => ({ step, id, sometimes: sometimes === true || !exact }))
}
