import { get } from 'node:http'
import { fail } from '../../../harness/verdict.ts'
import { agentEvents } from '../agents.ts'
import type { Daemon } from '../daemon.ts'
import { isRecord, type Exam } from '../exam.ts'

/** A pull request as AO tells it, whichever of its shapes: some versions nest what others tell in a word. */
export interface AoPull {
  readonly url: string
  readonly number: number
  readonly state: string
  readonly ci: string
  readonly review: string
  /** A review thread of a person is open. */
  readonly unresolved: boolean
  readonly mergeability: string
}

const word = (value: unknown, key: string): string => String(isRecord(value) ? value[key] : value)

/** A list of pull requests out of an answer of AO's. */
export function pullsIn(list: unknown): AoPull[] {
  return (Array.isArray(list) ? list : []).filter(isRecord).map((pull) => ({
    url: String(pull.url), number: Number(pull.number), state: String(pull.state), ci: word(pull.ci, 'state'), review: word(pull.review, 'decision'),
    unresolved: isRecord(pull.review) ? pull.review.hasUnresolvedHumanComments === true : pull.reviewComments === true, mergeability: word(pull.mergeability, 'state'),
  }))
}

/** The pull requests of a session. */
export const pullsOf = async (exam: Exam, session: string): Promise<AoPull[]> => pullsIn((await exam.api('GET', '/sessions/{}/pr', [session])).body.prs)

/** What reached the agents of a session on their input, as one text. */
export const heard = ({ agentLog }: Daemon, session: string): string => agentEvents(agentLog).filter((event) => event.event === 'line' && event.session === session).map(({ text }) => text).join('\n')

/** How often something was said to the agents of a session. */
export const timesHeard = (daemon: Daemon, session: string, what: RegExp): number => heard(daemon, session).split('\n').filter((line) => what.test(line)).length

interface AoEvent {
  readonly seq: number
  readonly type: string
  readonly payload: Readonly<Record<string, unknown>>
}

/** An event, out of a line of the stream; nothing where it is no object. @throws SyntaxError */
function eventIn(line: string): AoEvent[] {
  const event: unknown = JSON.parse(line.slice('data: '.length))
  if (!isRecord(event)) return []
  const payload: unknown = typeof event.payload === 'string' ? JSON.parse(event.payload) : event.payload
  return [{ seq: Number(event.seq), type: String(event.type), payload: isRecord(payload) ? payload : {} }]
}

/** All events so far, oldest first: the replay, until nothing more comes for 300 ms. @throws VerdictError when one is no JSON */
export function eventsOf(daemon: Daemon): Promise<AoEvent[]> {
  return new Promise((resolve, reject) => {
    let text = ''
    let quiet: NodeJS.Timeout | undefined
    const request = get({ host: '127.0.0.1', port: daemon.port, path: '/api/v1/events?after=0', agent: false }, (response) => {
      const done = (): void => {
        request.destroy()
        // The last piece may be half a line.
        const lines = text.split('\n').slice(0, -1).filter((line) => line.startsWith('data: '))
        try {
          resolve(lines.flatMap(eventIn))
        } catch (cause) {
          reject(fail('check-failed', `the stream of events has what is no JSON: ${String(cause)}; its last line: ${lines.at(-1)?.slice(0, 200) ?? ''}`, { evidence: [daemon.logEvidence], cause }))
        }
      }
      quiet = setTimeout(done, 300)
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
        quiet?.refresh()
      }).on('error', () => undefined)
    }).once('error', (error) => {
      clearTimeout(quiet)
      reject(error)
    })
  })
}
