import { chmodSync, existsSync, lstatSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { isAlive, identify } from '../../harness/processes/table.ts'
import { shellWord } from '../../harness/shell-word.ts'
import { waitFor } from '../../helpers/wait-for.ts'
import { harnessPrograms } from './agents.ts'
import type { Made } from './by-hand.ts'
import { nowhere, proxyEnvironment } from './outside.ts'
import { standInTerminals, tmuxTerminals, tmuxWitness, zellijTerminals, type Terminals } from './terminals.ts'

/** What is needed to make a daemon's surroundings. */
interface DaemonParts {
  /** Directory of its own; keep it short: sockets are in it. */
  readonly root: string
  /** The program of AO. */
  readonly binary: string
  readonly port: number
  readonly terminal: 'zellij' | 'tmux'
  /** A real zellij that is good enough, else the stand-in over tmux is used. */
  readonly zellij?: string | undefined
  /** The sandbox's environment: its marker is what the run's end finds the daemon by. */
  readonly env: Readonly<Record<string, string>>
  /** The sandbox's folder of logs, which is kept with the results, and the daemon's name in it. */
  readonly kept?: { readonly folder: string; readonly name: string }
  /** Where whoever wants to leave this machine is sent; default: nowhere, so that nobody does. */
  readonly proxy?: string
  /** On top of all. */
  readonly more?: Readonly<Record<string, string>>
}

export interface CliAnswer {
  readonly args: readonly string[]
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** What most users have: unlike /bin/sh it reads a terminal that a program left in raw mode. */
const usualShell = existsSync('/bin/bash') ? '/bin/bash' : '/bin/sh'

const standIn = (name: string): string => fileURLToPath(new URL(`stand-ins/${name}`, import.meta.url))

/** An AO daemon with surroundings of its own: home, data, run file, port, PATH, git settings, terminal namespace. */
export class Daemon {
  readonly root: string
  readonly port: number
  readonly env: Readonly<Record<string, string>>
  readonly terminals: Terminals
  readonly program: string
  /** How its projects (by id and path) and sessions were made, for whoever wants to see by hand what was found. */
  readonly made = new Map<string, Made>()

  /** Its log as a verdict names it. */
  readonly logEvidence: string
  readonly #kept: DaemonParts['kept']

  constructor({ root, binary, port, terminal, zellij, env, kept, proxy = nowhere, more }: DaemonParts) {
    this.root = root
    this.port = port
    for (const name of ['bin', 'home', 'tmp', 'run', 'data', 't', 'gh']) mkdirSync(join(root, name), { recursive: true, mode: 0o700 })
    this.#kept = kept
    this.logEvidence = this.keep(this.log, 'daemon', 'log')
    this.program = join(root, 'bin', 'ao')
    // Hooks call it by this name; a link would not do where AO looks at its own path.
    if (!existsSync(this.program)) symlinkSync(binary, this.program)
    this.#write('zellij', `[ -z "$CLONE_SMOKE" ] && echo "$ZELLIJ_SOCKET_DIR" >> ${shellWord(this.#socketDirectories)}\n${zellij === undefined
      ? `exec ${shellWord(standIn('zellij.sh'))} ${shellWord(process.execPath)} ${shellWord(join(root, 'z'))} "$@"`
      : `ZELLIJ_SOCKET_DIR=${shellWord(join(root, 'z'))} exec ${shellWord(zellij)} "$@"`}`)
    const tmuxLog = join(root, 'tmux.log')
    if (terminal === 'tmux') this.#write('tmux', tmuxWitness(tmuxLog, env.PATH ?? ''))
    // `gh` that is not logged in: it says nothing and is content.
    this.#write('gh', 'exit 0')
    // Its version without starting node: the doctor waits for two seconds.
    for (const program of Object.values(harnessPrograms)) this.#write(program, `[ "$1" = --version ] && echo '9.9.9 (stand-in for ${program})' && exit\n[ -x ${shellWord(this.realProgram(program))} ] && exec ${shellWord(this.realProgram(program))} "$@"
exec ${[process.execPath, standIn('agent.mjs'), program, this.agentLog].map(shellWord).join(' ')} "$@" 2>>${shellWord(this.standInErrors)}`)
    writeFileSync(join(root, 'gitconfig'), '[user]\n\tname = clone-smoke\n\temail = clone-smoke@localhost\n[init]\n\tdefaultBranch = main\n[safe]\n\tdirectory = *\n')
    // How the user reaches registries is nothing for AO: its GitHub is the run's own, or none.
    const inherited = Object.fromEntries(Object.entries(env).filter(([name]) => !/^(?:AO_.*|GITHUB_TOKEN|(?:https?|all|no)_proxy)$/i.test(name)))
    this.env = {
      ...inherited, HOME: join(root, 'home'), USER: 'smoke', SHELL: usualShell, TERM: 'xterm-256color', LANG: 'C.UTF-8', TMPDIR: join(root, 'tmp'), TEMP: join(root, 'tmp'), TMP: join(root, 'tmp'),
      // Not UTC on purpose: what is told in local time shows.
      TZ: 'Asia/Kolkata',
      PATH: `${join(root, 'bin')}:${inherited.PATH ?? '/usr/bin:/bin'}`,
      XDG_CONFIG_HOME: join(root, 'home/.config'), XDG_CACHE_HOME: join(root, 'home/.cache'), XDG_DATA_HOME: join(root, 'home/.local/share'), XDG_STATE_HOME: join(root, 'home/.local/state'), XDG_RUNTIME_DIR: join(root, 'run'),
      AO_PORT: String(port), AO_RUN_FILE: this.runFile, AO_DATA_DIR: join(root, 'data'), AO_SHUTDOWN_TIMEOUT: '3s',
      ...proxyEnvironment(proxy), GIT_CONFIG_GLOBAL: join(root, 'gitconfig'), GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0', GH_CONFIG_DIR: join(root, 'gh'),
      TMUX_TMPDIR: join(root, 't'), ...more,
    }
    // By which the program tells our calls from AO's.
    const ours = { ...this.env, CLONE_SMOKE: '1' }
    this.terminals = terminal === 'tmux' ? tmuxTerminals(this.env, tmuxLog) : zellij === undefined ? standInTerminals(join(root, 'z'), join(root, 'bin', 'zellij'), ours) : zellijTerminals(join(root, 'bin', 'zellij'), ours)
  }

  /** Why nothing can be asked of it any more: its process was found gone though nobody had stopped it, or the disk is full. */
  ended: string | undefined

  get data(): string { return join(this.root, 'data') }
  get runFile(): string { return join(this.root, 'run', 'running.json') }
  get log(): string { return join(this.root, 'daemon.log') }
  get #socketDirectories(): string { return join(this.root, 'socket-directories') }
  /** Where AO told zellij to keep its sessions, which it did not, once for each call; empty where it said nothing. */
  get socketDirectories(): readonly string[] { return existsSync(this.#socketDirectories) ? readFileSync(this.#socketDirectories, 'utf8').split('\n').slice(0, -1) : [] }
  /** What the stand-ins of agents themselves complained of: nothing, while they are sound. */
  get standInErrors(): string { return join(this.root, 'stand-in-errors.log') }
  get agentLog(): string { return join(this.root, 'agents.jsonl') }

  /** Where a program lies that is to be started instead of the stand-in of this name. */
  realProgram(name: string): string {
    return join(this.root, `real-${name}`)
  }

  /**
   * Makes a file of this daemon be kept with the results: it is really there, and made through the link by whoever writes first.
   * @returns its name as a verdict tells it
   */
  keep(file: string, what: string, extension: string): string {
    if (this.#kept === undefined) return file
    const name = `${what}-${this.#kept.name}.${extension}`
    if (lstatSync(file, { throwIfNoEntry: false }) === undefined) symlinkSync(join(this.#kept.folder, name), file)
    return `logs/${name}`
  }

  #write(name: string, script: string): void {
    const file = join(this.root, 'bin', name)
    writeFileSync(file, `#!/bin/sh\n${script}\n`)
    chmodSync(file, 0o755)
  }

  /** Calls the command line of AO in the daemon's environment. Milliseconds it may take: 30000. */
  async ao(args: readonly string[], { env = {}, input = '' }: { env?: Readonly<Record<string, string>>; input?: string } = {}): Promise<CliAnswer> {
    const { exitCode = -1, stdout, stderr } = await execa(this.program, [...args], {
      cwd: join(this.root, 'home'), env: { ...this.env, ...env }, extendEnv: false, reject: false, input, timeout: 30_000, stripFinalNewline: false,
    })
    return { args, exitCode, stdout, stderr }
  }

  /** Starts it, and waits for a busy machine: 25 s, where AO's own patience is 10 s. How fast it starts is lane daemon's matter. */
  start(env: Readonly<Record<string, string>> = {}): Promise<CliAnswer> {
    return this.ao(['start', '--json', '--log-file', this.log, '--timeout', '25s'], { env })
  }

  /**
   * Starts it as a child of this process, which learns of its end at once; a daemon that was started as usual becomes a
   * child of the first process, and where that reaps nobody, what was killed looks alive. Ends with SIGKILL.
   */
  async startAsChild(): Promise<{ readonly pid: number; readonly kill: () => Promise<void> } | undefined> {
    const child = execa(this.program, ['daemon'], { cwd: join(this.root, 'home'), env: this.env, extendEnv: false, reject: false, stdin: 'ignore', stdout: { file: this.log, append: true }, stderr: { file: this.log, append: true }, detached: true })
    const { pid } = child
    const ready = await waitFor(() => pid !== undefined && this.pid() === pid ? true : undefined, { deadlineMs: 10_000, otherwise: () => new Error('not ready') }).catch(() => false)
    const kill = async (): Promise<void> => {
      child.kill('SIGKILL')
      await child
    }
    if (ready && pid !== undefined) return { pid, kill }
    await kill()
    return undefined
  }

  /** Process id in the run file; undefined when there is none. */
  pid(): number | undefined {
    try {
      return (JSON.parse(readFileSync(this.runFile, 'utf8')) as { pid?: number }).pid
    } catch {
      return undefined
    }
  }

  /** Stops it and waits until its process has gone; whether it went. Some versions end all sessions first, one after another. */
  async stop(): Promise<boolean> {
    const pid = this.pid()
    const process = pid === undefined ? undefined : identify(pid)
    await this.ao(['stop', '--json', '--timeout', '25s'])
    return process === undefined || waitFor(() => isAlive(process) ? undefined : true, { deadlineMs: 8000, otherwise: () => new Error('it lives') }).catch(() => false)
  }

  /** Makes the stand-in for zellij refuse to make sessions, or lets it again. */
  breakTerminals(broken: boolean): void {
    mkdirSync(join(this.root, 'z'), { recursive: true })
    if (broken) writeFileSync(join(this.root, 'z', 'broken'), '')
    else rmSync(join(this.root, 'z', 'broken'), { force: true })
  }

  /** Takes a program of an agent away, or gives it back. */
  hideProgram(name: string, hidden: boolean): void {
    const file = join(this.root, 'bin', name)
    if (hidden) renameSync(file, `${file}.hidden`)
    else renameSync(`${file}.hidden`, file)
  }

  /** Its log so far. */
  logText(): string {
    return existsSync(this.log) ? readFileSync(this.log, 'utf8') : ''
  }
}
