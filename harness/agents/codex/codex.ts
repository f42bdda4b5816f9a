import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { ProcessHost } from '../../processes/process.ts'
import type { Agent, AgentOutcome, AgentSession } from '../agent.ts'
import { codexEnvironment, execArguments, modelCatalog } from './flags.ts'
import { outcomeOf } from './outcome.ts'
import { probeCodex, type CodexCapabilities } from './probe.ts'
import { settingsFile } from './settings.ts'
import { TranscriptReader } from './transcript.ts'

export interface CodexOptions {
  /** From `resolveCodex`. */
  readonly file: string
  /** The whole environment of the probe; a session brings its own. */
  readonly env: Readonly<Record<string, string>>
  /** Milliseconds for each question of the probe. */
  readonly probeDeadlineMs?: number | undefined
}

/** Lines of stderr kept for the diagnosis; the file has all of them. */
const stderrKept = 500

/**
 * The Codex CLI as an agent, driven by the flags that this very binary says it has.
 * @throws VerdictError agent-protocol when the file does not answer as Codex does, prerequisite when its version cannot be used
 */
export async function codexAgent(options: CodexOptions): Promise<Agent> {
  const { file, env, probeDeadlineMs } = options
  const capabilities = await probeCodex(file, env, probeDeadlineMs)
  return {
    name: 'codex',
    version: capabilities.version,
    file,
    run: (session, host) => run(file, capabilities, session, host),
    commandForPerson: (session) => [file, ...execArguments(capabilities, session, { ownSettings: true })],
  }
}

/** The host must give the child no stdin: from 0.130 on Codex reads an open pipe to its end before it starts. */
async function run(file: string, capabilities: CodexCapabilities, session: AgentSession, host: ProcessHost): Promise<AgentOutcome> {
  const catalogFile = join(session.home, 'model-catalog.json')
  const args = execArguments(capabilities, session, { catalogFile, ownSettings: existsSync(join(session.home, settingsFile)) })
  await mkdir(session.home, { recursive: true })
  await writeFile(catalogFile, modelCatalog(session.model.name))

  const transcript = new TranscriptReader()
  const stderrLines: string[] = []
  const { version } = capabilities
  const outcome = (end: Parameters<typeof outcomeOf>[0]['end']): AgentOutcome =>
    outcomeOf({ version, end, transcript: transcript.read(), stderrLines, deadlineMs: session.deadlineMs })
  try {
    const running = await host.start({
      name: `codex-${session.stage}`, file, args, cwd: session.cwd, env: codexEnvironment(session),
      stdout: session.transcript, stderr: session.stderr, deadlineMs: session.deadlineMs, signal: session.signal,
      onLine: (line, stream, shown) => {
        if (stream === 'stdout') transcript.push(line)
        else if (stderrLines.push(shown) > stderrKept) stderrLines.shift()
      },
    })
    return outcome(await running.ended)
  } catch (error) {
    const diagnosis = `codex ${version} could not be started: ${error instanceof Error ? error.message : String(error)}`
    return {
      end: 'failed', exitCode: null, signal: null, durationMs: 0, calls: [], unknownTools: [], usage: {}, messages: [],
      problem: { class: 'agent-startup', diagnosis },
    }
  }
}
