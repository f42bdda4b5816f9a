import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'
import { readProcesses, hasInEnvironment, identify, isAlive } from '../../../harness/processes/table.ts'
import { signalProcess } from '../../../harness/sandbox/finish.ts'
import { waitFor } from '../../../helpers/wait-for.ts'
import { agentEvent } from '../agents.ts'
import type { CliAnswer, Daemon } from '../daemon.ts'
import { jsonOf, showCli, type Exam } from '../exam.ts'
import { aoCheck, type AoChecks } from '../lanes/checks-lane.ts'

const status = async (exam: Exam, env: Readonly<Record<string, string>> = {}): Promise<Readonly<Record<string, unknown>>> => jsonOf(await exam.ao(['status', '--json'], { env }))
const runFileOf = ({ runFile }: Daemon): Readonly<Record<string, unknown>> => {
  try {
    return JSON.parse(readFileSync(runFile, 'utf8')) as Readonly<Record<string, unknown>>
  } catch {
    return {}
  }
}

interface DoctorCheck { readonly name: string; readonly level: string; readonly message: string }
/** What the doctor says of each thing that it looks at. */
export async function doctor(exam: Exam, env: Readonly<Record<string, string>> = {}): Promise<{ answer: CliAnswer; level: (name: string) => string; message: (name: string) => string }> {
  const answer = await exam.ao(['doctor', '--json'], { env })
  const { checks } = jsonOf(answer)
  const all = Array.isArray(checks) ? checks as DoctorCheck[] : []
  const find = (name: string): DoctorCheck | undefined => all.find((check) => check.name === name)
  return { answer, level: (name) => find(name)?.level ?? 'not there', message: (name) => find(name)?.message ?? '' }
}

/** Daemons that live with this data directory; the program that was called to start one is not one. */
const daemonsOf = ({ data }: Daemon): number[] => readProcesses()
  .filter(({ pid, zombie }) => !zombie && pid !== process.pid && hasInEnvironment(pid, 'AO_DATA_DIR', data))
  .filter(({ pid }) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, 4).includes('daemon')
    } catch {
      return false
    }
  }).map(({ pid }) => pid)

export const daemonChecks: AoChecks = {
  '1.3 doctor before the first start': aoCheck(15, async (exam) => {
    const { answer, level } = await doctor(exam)
    exam.expect(answer.exitCode === 0, 'doctor-fresh', 'on a machine that has what is needed the doctor is content before the first start', showCli(answer))
    exam.expect(level('daemon') === 'PASS', 'doctor-daemon-stopped', 'a daemon that is not running is no failure', showCli(answer), 'low')
    exam.expect(!existsSync(join(exam.daemon.data, 'ao.db')), 'doctor-writes', 'the doctor looks and makes no database', 'ao.db is there')
    const { state } = await status(exam)
    exam.expect(state === 'stopped' || state === 'not_running', 'status-fresh', 'before the first start the status is that of a daemon that does not run', String(state))
  }),
  '1.1 start: ready, and the run file says the same': aoCheck(30, async (exam) => {
    const answer = await exam.ao(['start', '--json', '--log-file', exam.daemon.log])
    const { state, port, pid } = jsonOf(answer)
    exam.expect(answer.exitCode === 0 && state === 'ready' && port === exam.daemon.port && typeof pid === 'number' && pid > 0, 'start', 'start answers {state: ready, port, pid}', showCli(answer))
    const file = runFileOf(exam.daemon)
    exam.expect(file.pid === pid && file.port === port, 'run-file', 'the run file has the same pid and port', JSON.stringify(file))
    exam.expect(typeof file.startedAt === 'string' && /(?:Z|\+00:00)$/.test(file.startedAt), 'run-file-time', 'startedAt is UTC', JSON.stringify(file), 'low')
    const health = await exam.api('GET', '//healthz')
    exam.expect(health.status === 200 && health.body.status === 'ok' && health.body.pid === pid, 'healthz', '/healthz answers ok', health.shown)
    const ready = await exam.api('GET', '//readyz')
    exam.expect(ready.status === 200 && ready.body.status === 'ready', 'readyz', '/readyz answers ready', ready.shown)
  }),
  '1.1 a second start finds the first': aoCheck(20, async (exam) => {
    const { pid } = runFileOf(exam.daemon)
    const answer = await exam.ao(['start', '--json', '--log-file', exam.daemon.log])
    exam.expect(answer.exitCode === 0 && jsonOf(answer).pid === pid, 'start-again', 'a second start answers with the daemon that runs', showCli(answer))
    exam.expect(daemonsOf(exam.daemon).length === 1, 'two-daemons', 'there is one daemon', daemonsOf(exam.daemon).join(', '))
  }),
  '1.2 status: ready': aoCheck(15, async (exam) => {
    const answer = await exam.ao(['status', '--json'])
    const told = jsonOf(answer)
    exam.expect(told.state === 'ready' && told.port === exam.daemon.port && told.error === undefined, 'status', 'status is ready, with the port and no error', showCli(answer))
    const text = await exam.ao(['status'])
    exam.expect(text.exitCode === 0 && text.stdout.includes('ready'), 'status-text', 'the text says ready', showCli(text))
  }),
  '1.3 doctor: everything that is here passes': aoCheck(15, async (exam, world) => {
    const { answer, level, message } = await doctor(exam)
    for (const name of ['config', 'data-dir', 'data-dir-write', 'sqlite', 'daemon', 'git', world.can.terminal]) exam.expect(level(name) === 'PASS', `doctor ${name}`, `${name} passes`, `${level(name)}: ${message(name)}`)
    exam.expect(answer.exitCode === 0, 'doctor-exit', 'exit 0 when nothing fails', showCli(answer))
    exam.expect(level('github-token') === 'WARN', 'doctor-token', 'without a token github-token warns', `${level('github-token')}: ${message('github-token')}`)
    for (const name of ['claude-code', 'codex']) exam.expect(level(name) === 'PASS', `doctor ${name}`, `${name} passes where it is installed`, `${level(name)}: ${message(name)}`, 'low')
  }),
  '1.3 doctor without git and terminal program': aoCheck(15, async (exam, world) => {
    const empty = join(exam.daemon.root, 'empty')
    mkdirSync(empty)
    const { answer, level, message } = await doctor(exam, { PATH: empty })
    exam.expect(level('git') === 'FAIL' && answer.exitCode === 1, 'doctor-no-git', 'without git: FAIL and exit 1', `${level('git')}: ${message('git')}; exit ${answer.exitCode}`)
    exam.expect(level(world.can.terminal) === 'WARN', 'doctor-no-terminal', `without ${world.can.terminal}: WARN`, `${level(world.can.terminal)}: ${message(world.can.terminal)}`)
    exam.expect(level('github-token') === 'WARN' && /no GitHub token/i.test(message('github-token')), 'doctor-no-token', 'without a token: WARN "no GitHub token found"', `${level('github-token')}: ${message('github-token')}`)
  }),
  '1.3 doctor: the data directory cannot be written': aoCheck(15, async (exam) => {
    // Also root cannot write there, where permissions would not keep it from.
    const { answer, level, message } = await doctor(exam, { AO_DATA_DIR: '/proc' })
    exam.expect(level('data-dir-write') === 'FAIL' && answer.exitCode === 1, 'doctor-unwritable', 'FAIL on data-dir-write, exit 1', `${level('data-dir-write')}: ${message('data-dir-write')}; exit ${answer.exitCode}`)
  }),
  '1.3 doctor: a zellij that is too old': aoCheck(15, async (exam) => {
    const { level, message } = await doctor(exam, { STAND_IN_ZELLIJ_VERSION: '0.44.2' })
    exam.expect(level('zellij') === 'FAIL' && message('zellij').includes('0.44'), 'doctor-old-zellij', 'FAIL, naming the version that is needed', `${level('zellij')}: ${message('zellij')}`)
  }, ({ can, zellij }) => can.terminal !== 'zellij' ? 'this version has no zellij' : zellij === undefined ? undefined : 'the zellij here is a real one, which says its own version'),
  '1.4 version': aoCheck(10, async (exam) => {
    const one = await exam.ao(['version'])
    const other = await exam.ao(['--version'])
    exam.expect(one.exitCode === 0 && one.stdout.trim() !== '' && other.exitCode === 0 && other.stdout.trim() !== '', 'version', '`ao version` and `ao --version` say one', `${showCli(one)}; ${showCli(other)}`)
  }),
  '1.5 stop: the process ends, the run file goes': aoCheck(30, async (exam) => {
    const pid = exam.daemon.pid() ?? 0
    const identity = identify(pid)
    const answer = await exam.ao(['stop', '--json'])
    const aliveAfterwards = identity !== undefined && isAlive(identity)
    exam.expect(answer.exitCode === 0 && jsonOf(answer).state === 'stopped', 'stop', 'stop answers stopped', showCli(answer))
    exam.expect(!existsSync(exam.daemon.runFile), 'run-file-left', 'the run file is gone', 'it is there')
    const gone = identity === undefined || await waitFor(() => isAlive(identity) ? undefined : true, { deadlineMs: 8000, otherwise: () => new Error('alive') }).catch(() => false)
    exam.expect(gone, 'alive-after-stop', 'the process has ended', `pid ${pid} lives 8 s after stop`)
    if (gone && aliveAfterwards) exam.finding('stop-returns-early', 'when stop has answered, `kill -0 <pid>` fails', `pid ${pid} still lived when stop had returned, and ended a moment later`, 'low', 'ao start; P=$(grep -o \'"pid": *[0-9]*\' "$AO_RUN_FILE" | grep -o \'[0-9]*$\'); ao stop; kill -0 $P && echo it lives')
    const { state } = await status(exam)
    exam.expect(state === 'not_running', 'name-not_running', '`ao status` reports not_running', `it reports ${String(state)}`, 'unclear')
    const again = await exam.ao(['stop', '--json'])
    exam.expect(again.exitCode === 0, 'stop-again', 'to stop what is stopped is no error', showCli(again))
  }),
  '1.1 two starts at once make one daemon': aoCheck(40, async (exam) => {
    exam.byHand('ao start & ao start & wait; pgrep -af "ao daemon"')
    const start = (): Promise<CliAnswer> => exam.daemon.ao(['start', '--json', '--log-file', exam.daemon.log])
    const both = await Promise.all([start(), start()])
    const pids = both.map((answer) => jsonOf(answer).pid)
    exam.expect(both.every(({ exitCode }) => exitCode === 0) && pids[0] === pids[1], 'start-race', 'both starts answer with the same daemon', both.map(showCli).join('; '))
    const living = await waitFor(() => daemonsOf(exam.daemon).length === 1 ? true : undefined, { deadlineMs: 5000, otherwise: () => new Error('two') }).catch(() => false)
    exam.expect(living, 'race-daemons', 'one daemon lives', daemonsOf(exam.daemon).join(', '))
    // What nobody can stop any more must not disturb the checks after this one.
    for (const identity of daemonsOf(exam.daemon).filter((one) => one !== exam.daemon.pid()).map(identify)) if (identity) signalProcess(identity, 'SIGKILL')
    // Neither must one that lives on another port, which it took because the first one had its own.
    if (runFileOf(exam.daemon).port === exam.daemon.port) return
    await exam.daemon.stop()
    await exam.daemon.start()
  }),
  '1.1 a web page cannot shut it down': aoCheck(15, async (exam) => {
    const answer = await exam.api('POST', '//shutdown', [], { headers: { Origin: 'https://evil.example' } })
    exam.expect(answer.status === 403, 'shutdown-origin', 'POST /shutdown from another origin is forbidden', answer.shown)
    const rebound = await exam.api('POST', '//shutdown', [], { headers: { Host: 'evil.example' } })
    exam.expect(rebound.status === 403, 'shutdown-host', 'POST /shutdown with a foreign Host is forbidden', rebound.shown)
    exam.expect((await status(exam)).state === 'ready', 'shutdown-alive', 'it goes on', 'it does not')
    // Any page the user has open may send this without asking first: text/plain needs no preflight.
    const written = await exam.api('POST', '/projects', [], { raw: '{"path":"/nowhere"}', headers: { Origin: 'https://evil.example', 'content-type': 'text/plain' }, as: 'from another origin' })
    exam.expect(written.status === 403 || written.status === 415, 'write-from-origin', 'what changes something is refused to another origin, as /shutdown is', written.shown, 'low')
    const foreign = await exam.api('GET', '/projects', [], { headers: { Host: 'evil.example' }, as: 'with a foreign Host' })
    exam.expect(foreign.status === 403 || foreign.status === 421, 'read-with-host', 'a foreign Host (DNS rebinding) reads nothing', foreign.shown, 'low')
  }),
  '1.5 kill -9: the status says so, and start recovers': aoCheck(40, async (exam) => {
    await exam.daemon.stop()
    const child = await exam.daemon.startAsChild()
    if (child === undefined) throw new Error('`ao daemon` did not become ready')
    await child.kill()
    exam.byHand(`kill -9 ${child.pid}`)
    const { state } = await status(exam)
    exam.expect(state === 'stale' || state === 'stopped', 'status-after-crash', 'a daemon that is dead is not called ready', String(state))
    const again = await exam.daemon.start()
    exam.expect(again.exitCode === 0 && jsonOf(again).state === 'ready', 'start-after-crash', 'start recovers from a crash', showCli(again))
  }),
  '1.1 a run file that is broken': aoCheck(60, async (exam) => {
    await exam.daemon.stop()
    const takenAway = 'rm -f "$AO_RUN_FILE"'
    // Not this process: whoever believes the file may end it.
    const other = spawn('sleep', ['60'], { stdio: 'ignore' })
    try {
      for (const [as, content] of [['half of JSON', '{"pid": 1'], ['empty', ''], ['a pid of somebody else', JSON.stringify({ pid: other.pid, port: exam.daemon.port, startedAt: '2026-01-01T00:00:00Z' })]] as const) {
        writeFileSync(exam.daemon.runFile, content)
        await exam.one(async () => {
          exam.byHand(`ao stop; printf %s '${content.replace(String(other.pid), () => `'$$'`).replace(String(exam.daemon.port), () => `'"$AO_PORT"'`)}' > "$AO_RUN_FILE"`)
          const told = await exam.ao(['status', '--json'])
          exam.expect(jsonOf(told).state !== 'ready', `run-file-trusted ${as}`, `a run file that is ${as} is not taken for a daemon`, showCli(told), 'high', takenAway)
          const started = await exam.ao(['start', '--json', '--log-file', exam.daemon.log])
          exam.expect(started.exitCode === 0, `run-file-blocks ${as}`, `a run file that is ${as} does not keep the daemon from starting`, showCli(started), 'low', takenAway)
        })
        if (daemonsOf(exam.daemon).length > 0) await exam.daemon.stop()
        rmSync(exam.daemon.runFile, { force: true })
      }
    } finally {
      other.kill('SIGKILL')
    }
  }),
  '1.1 the port is taken': aoCheck(30, async (exam) => {
    const server = createServer().listen(0, '127.0.0.1')
    try {
      await new Promise((resolve) => server.once('listening', resolve))
      const address = server.address()
      const port = typeof address === 'object' && address ? address.port : 0
      const before = exam.daemon.logText().length
      const answer = await exam.ao(['start', '--json', '--log-file', exam.daemon.log, '--timeout', '5s'], { env: { AO_PORT: String(port) } })
      const told = jsonOf(answer)
      if (answer.exitCode === 0) exam.expect(told.port !== port && runFileOf(exam.daemon).port === told.port, 'port-lie', 'a daemon that took another port says which', showCli(answer))
      else {
        const said = answer.stderr + exam.daemon.logText().slice(before)
        exam.expect(/in use|taken|already/i.test(said) && said.includes(String(port)), 'port-why', 'a start that fails says, or logs, that the port is taken', `${showCli(answer)}; log: ${said.slice(-300)}`)
        exam.expect([String(port), exam.daemon.log].some((where) => answer.stderr.includes(where)), 'port-where', 'and where to look', showCli(answer), 'low')
      }
    } finally {
      await new Promise((resolve) => { server.close(resolve) })
      await exam.ao(['stop', '--json'])
    }
  }),
  '1.1 settings that cannot be': aoCheck(40, async (exam) => {
    for (const [name, value] of [['AO_PORT', '0'], ['AO_PORT', 'abc'], ['AO_PORT', '70000'], ['AO_REQUEST_TIMEOUT', 'soon'], ['AO_SHUTDOWN_TIMEOUT', '-1s'], ['AO_AGENT', 'nobody']] as const) {
      const before = exam.daemon.logText().length
      const answer = await exam.ao(['start', '--json', '--log-file', exam.daemon.log, '--timeout', '3s'], { env: { [name]: value } })
      const refused = exam.expect(answer.exitCode !== 0, `accepted ${name}=${value}`, `${name}=${value} is refused`, showCli(answer), 'low')
      // A short value is in any text.
      if (refused) exam.expect([name, ...(value.length > 3 ? [value] : [])].some((word) => (answer.stderr + exam.daemon.logText().slice(before)).includes(word)), `unnamed ${name}=${value}`, 'the message, or the log, names the variable or its value', showCli(answer), 'low')
      if (!refused) await exam.ao(['stop', '--json'], { env: { [name]: value } })
      const left = daemonsOf(exam.daemon)
      exam.expect(left.length === 0, `alive ${name}=${value}`, 'no daemon is left', left.join(', '))
    }
  }),
  '7.2 an agent finds the ao that started it, also with another one on the PATH': aoCheck(40, async (exam, world) => {
    const { daemon } = exam
    const foreign = join(daemon.root, 'foreign')
    mkdirSync(foreign)
    writeFileSync(join(foreign, 'ao'), '#!/bin/sh\n', { mode: 0o755 })
    exam.byHand(`mkdir -p foreign; echo '#!/bin/sh' > foreign/ao; chmod +x foreign/ao; AO=$(command -v ao); $AO stop; PATH="$PWD/foreign:$PATH" $AO start`)
    await daemon.start({ PATH: `${foreign}${delimiter}${daemon.env.PATH ?? ''}` })
    const id = await world.session(exam, { harness: 'kimi' })
    const started = await agentEvent(daemon.agentLog, ({ event, session }) => event === 'started' && session === id, 10_000)
    const found = (started?.env?.PATH ?? '').split(delimiter).map((directory) => join(directory, 'ao')).find((file) => existsSync(file))
    exam.expect(found !== undefined && realpathSync(found) === realpathSync(daemon.program), 'foreign-ao', 'the hooks of an agent call `ao`, which is to be the one whose daemon started it', `on the agent's PATH \`ao\` is ${found ?? 'not there'}`, 'low')
    await exam.api('POST', '/sessions/{}/kill', [id], { mayFail: true })
    await daemon.stop()
  }),
  '1 a wrong command line': aoCheck(20, async (exam) => {
    for (const args of [['nonsense'], ['status', '--nonsense'], ['session', 'get'], ['project', 'get', 'a', 'b'], ['spawn'], ['send', '--session', 'x'], ['spawn', '--project', 'x', '--no-takeover']]) {
      const answer = await exam.ao(args)
      exam.expect(answer.exitCode === 2, `usage ${args.join(' ')}`, 'a usage error exits with 2', showCli(answer), 'low', `ao ${args.join(' ')}; echo "exit $?"`)
    }
    const answer = await exam.ao(['project', 'ls'])
    exam.expect(answer.exitCode === 1 && /not running|ao start/.test(answer.stderr), 'not-running', 'without a daemon a command says so, and what to type', showCli(answer))
  }),
  '1.1 it starts once more': aoCheck(40, async (exam) => {
    const answer = await exam.daemon.start()
    exam.expect(answer.exitCode === 0, 'start-last', 'after all this it starts', showCli(answer))
  }),
}
