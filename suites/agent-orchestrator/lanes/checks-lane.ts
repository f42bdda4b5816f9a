import { join } from 'node:path'
import { check, type CheckDefinition, type StepContext } from '../../../harness/suite.ts'
import { fail } from '../../../harness/verdict.ts'
import { Daemon } from '../daemon.ts'
import { EventStream, type ServerEvent } from '../events.ts'
import { Exam, Seen, showCli } from '../exam.ts'
import { lane, type Built } from '../states.ts'
import { onOwnParts } from '../own-parts.ts'
import { closedProxy } from '../outside.ts'
import { World } from '../world.ts'

/** What one check does; it tells what it finds through the exam and throws only when it cannot be judged. */
interface AoCheck {
  /** Seconds. */
  readonly budget: number
  readonly work: (exam: Exam, world: World) => Promise<void>
  /** Why it does not apply to what is there. */
  readonly notHere?: (built: Built) => string | undefined
}

export type AoChecks = Readonly<Record<string, AoCheck>>

export const aoCheck = (budget: number, work: AoCheck['work'], notHere?: AoCheck['notHere']): AoCheck => ({ budget, work, ...(notHere && { notHere }) })

/** The checks of a lane, with those that every lane has. */
export function allChecks(name: string, { started = true, checks }: ChecksLane): AoChecks {
  return {
    ...(started && { [`1.1 a daemon for lane ${name}`]: aoCheck(30, startDaemon) }),
    ...checks,
    [`10 events of lane ${name}`]: aoCheck(30, judgeEvents),
    [`11 every answer in lane ${name}`]: aoCheck(10, judgeAnswers),
    [`6 nobody outside of this machine is asked in lane ${name}`]: aoCheck(10, judgeOutside),
    [`1.5 the daemon of lane ${name} ends and takes its sessions along`]: aoCheck(60, endDaemon),
  }
}

interface ChecksLane {
  /** False: its checks start the daemon themselves. */
  readonly started?: boolean
  /** True: it mostly waits, and goes on beside the lanes before it. */
  readonly beside?: boolean
  readonly checks: AoChecks
}

/** Where the daemons of a sandbox keep everything, each in a directory of its lane's name. */
export const daemonsFolder = 'd'
/** Of the names of lanes: the socket of a terminal lies deep below it, and has 107 bytes. */
const nameLength = 9

/** The parts of a daemon of this sandbox. `name` is its port's too. */
export function daemonOf({ paths, env, ports }: Pick<StepContext, 'paths' | 'env' | 'ports'>, built: Pick<Built, 'binary' | 'can' | 'zellij'>, name: string, proxy?: string): Daemon {
  const port = ports[name]
  if (port === undefined) throw fail('harness-bug', `no port is reserved for the daemon ${name}`)
  return new Daemon({ root: join(paths.root, daemonsFolder, name.slice(0, nameLength)), binary: built.binary, port, terminal: built.can.terminal, zellij: built.zellij, env, kept: { folder: paths.logs, name }, ...(proxy !== undefined && { proxy }) })
}

/** A lane that asks one daemon of its own many things. */
export function checksLane(name: string, proves: string, definition: ChecksLane) {
  const checks = allChecks(name, definition)
  const steps: Record<string, CheckDefinition> = Object.fromEntries(Object.entries(checks).map(([title, { budget }]) => [title, check(budget)]))
  return lane({
    name, proves, needs: 'built', leaves: 'built', beside: definition.beside === true, steps,
    work: async ({ facts, check, skip }) => {
      const seen = new Seen()
      let world: World | undefined
      let broken: string | undefined
      const outside = await closedProxy()
      try {
        for (const [title, { work, notHere }] of Object.entries(checks)) {
          const reason = broken ?? notHere?.(facts)
          if (reason !== undefined) skip(title, reason)
          else {
            const done = await check(title, async (context) => {
              const checked = world ??= new World(daemonOf(context, facts, name, outside.url), facts.can, outside.asked)
              const exam = new Exam(checked.daemon, seen, title, context.finding, context.signal)
              try {
                await onOwnParts(exam, () => work(exam, checked), { runs: definition.started !== false && !title.startsWith('1.5 the daemon of lane') })
              } finally {
                exam.flush()
              }
              return true
            })
            if (done === undefined && title.startsWith('1.1 a daemon for')) broken = 'the daemon of the lane does not run'
            if (world?.daemon.ended !== undefined) broken = world.daemon.ended
          }
        }
      } finally {
        outside.close()
      }
      return facts
    },
  })
}

async function startDaemon(exam: Exam): Promise<void> {
  const started = await exam.daemon.start()
  if (started.exitCode !== 0) throw fail('restart', `the daemon does not start: ${showCli(started)}`, { evidence: [exam.daemon.logEvidence] })
}

/** What must hold of every answer, whatever was asked. */
function judgeAnswers(exam: Exam): Promise<void> {
  const { serverErrors, envelopes, times, again } = exam.seen
  const log = exam.daemon.logText()
  const silent = serverErrors.filter(({ requestId }) => {
    const lines = log.split('\n').filter((line) => requestId !== '' && line.includes(requestId))
    return !lines.some((line) => /\b(?:err|error|cause)=/.test(line) || line.includes('level=ERROR'))
  })
  exam.expect(silent.length === 0, 'cause-not-logged', 'when the daemon fails, its log names the cause', () => `${silent.length} of ${serverErrors.length} server errors have no cause in the log, e.g. ${silent[0]?.shown ?? ''}; its lines there: ${log.split('\n').filter((line) => line.includes(silent[0]?.requestId ?? '-')).slice(0, 2).join(' | ')}`, 'high', `ao stop; ao start --log-file daemon.log\n${silent[0]?.again ?? ''}\ntail -1 daemon.log`)
  exam.expect(envelopes.size === 0, 'no-envelope', 'every error of the JSON API has error, code, message and requestId', () => [...envelopes].slice(0, 4).join('; '), 'high', again.get('envelopes'))
  exam.expect(times.size === 0, 'time-not-utc', 'times are told in UTC, wherever the daemon runs', () => `with TZ=${exam.daemon.env.TZ ?? ''}: ${[...times].slice(0, 4).join('; ')}`, 'high', `export TZ=${exam.daemon.env.TZ ?? ''}; ao stop; ao start\n${again.get('times') ?? ''}`)
  return Promise.resolve()
}

/** What must hold of all events that a lane gave, whatever it did. */
async function judgeEvents(exam: Exam): Promise<void> {
  const { body } = await exam.api('GET', '/sessions')
  const sessions = (Array.isArray(body.sessions) ? body.sessions as { id: string }[] : []).map(({ id }) => id)
  exam.byHand('curl -sN -m 5 "http://127.0.0.1:$AO_PORT/api/v1/events?after=0"')
  const stream = new EventStream(exam.daemon.port, '?after=0')
  const created = (events: readonly ServerEvent[]): string[] => events.flatMap(({ type, data }) => type === 'session_created' ? [String(data.sessionId)] : [])
  try {
    await stream.open()
    await stream.until((events) => sessions.every((id) => created(events).includes(id)))
  } finally {
    stream.close()
  }
  const { events } = stream
  const gap = events.findIndex(({ id }, index) => index > 0 && id !== (events[index - 1]?.id ?? 0) + 1)
  exam.expect(gap === -1, 'gaps', 'the ids of events rise by one', () => `after ${events[gap - 1]?.id ?? 0} comes ${events[gap]?.id ?? 0}`, 'low')
  const untold = sessions.filter((id) => !created(events).includes(id))
  exam.expect(untold.length === 0, 'untold', 'each session that is there was told by session_created', () => `nothing told of ${untold.join(', ')}`)
}

/** The GitHub that a lane may have is its own, and sees for itself who asks for others. */
function judgeOutside(exam: Exam, world: World): Promise<void> {
  const asked = world.outside()
  exam.expect(asked.length === 0, 'egress', 'nobody outside of this machine is asked, but for the GitHub of the lane', `${asked.length} times somebody wanted to reach ${[...new Set(asked)].join(', ')}`)
  return Promise.resolve()
}

async function endDaemon(exam: Exam): Promise<void> {
  const { body } = await exam.api('GET', '/sessions')
  const terminals = await exam.daemon.terminals.list()
  for (const { id, isTerminated } of Array.isArray(body.sessions) ? body.sessions as { id: string; isTerminated: boolean }[] : []) {
    if (!isTerminated || terminals.includes(id)) await exam.api('POST', '/sessions/{}/kill', [id], { mayFail: true })
  }
  const left = await exam.daemon.terminals.list()
  exam.expect(left.length === 0, 'terminals-left', 'when all sessions are killed, no terminal session is left', left.join(', '))
  for (const name of left) await exam.daemon.terminals.kill(name)
  exam.expect(await exam.daemon.stop(), 'outlives-stop', 'after `ao stop` the process of the daemon ends', `pid ${exam.daemon.pid() ?? 0} lives 8 s after it`)
}
