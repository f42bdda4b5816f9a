import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { execa } from 'execa'
import { identify, isAlive } from '../../harness/processes/table.ts'
import { shellWord } from '../../harness/shell-word.ts'
import { comes } from './comes.ts'

/** The terminal sessions that one daemon has, seen from outside of AO. */
export interface Terminals {
  readonly kind: 'zellij' | 'tmux'
  /** Names of the sessions that live. */
  readonly list: () => Promise<string[]>
  readonly kill: (name: string) => Promise<void>
  /** Sessions that are gone and that nobody ended; none where that cannot be told. */
  readonly lost: () => Promise<string[]>
  /** What is on the screen of a session. */
  readonly screen: (name: string) => Promise<string>
}

/** The stand-in's sessions, read from its directory: a file each, with its name and the process id of its tmux server. */
export function standInTerminals(directory: string, program: string, env: Readonly<Record<string, string>>): Terminals {
  // The file of a session goes when it is ended by command.
  const sessions = (living: boolean): string[] => !existsSync(directory) ? [] : readdirSync(directory).filter((file) => file.endsWith('.name')).flatMap((file) => {
    const [name = '', pid = ''] = readFileSync(join(directory, file), 'utf8').split('\n')
    const process = identify(Number(pid))
    return (process !== undefined && isAlive(process)) === living ? [name] : []
  })
  return {
    ...zellijTerminals(program, env), list: () => Promise.resolve(sessions(true)),
    // One that is being ended by command may be dead already, and has its file still.
    lost: async () => sessions(false).length === 0 ? [] : await comes(() => sessions(false).length === 0, 2000) ? [] : sessions(false),
  }
}

/** @param program zellij, or what stands in for it, with the daemon's own namespace; @param env the daemon's environment */
export function zellijTerminals(program: string, env: Readonly<Record<string, string>>): Terminals {
  const zellij = (...args: string[]): Promise<{ stdout: string }> => execa(program, args, { env: { ...env }, extendEnv: false, reject: false, stdin: 'ignore', timeout: 10_000 })
  return {
    kind: 'zellij',
    list: async () => (await zellij('list-sessions', '--no-formatting')).stdout.split('\n').filter((line) => line !== '' && !line.includes('(EXITED')).map((line) => line.split(' ')[0] ?? ''),
    kill: async (name) => { await zellij('kill-session', name) },
    lost: () => Promise.resolve([]),
    screen: async (name) => (await zellij('--session', name, 'action', 'dump-screen', '--pane-id', 'terminal_0', '--full')).stdout,
  }
}

/** The lines of a shell script that is found as `tmux` before the real one, and writes down which sessions are made and ended. */
export function tmuxWitness(log: string, path: string): string {
  const real = path.split(delimiter).map((directory) => join(directory, 'tmux')).find((file) => existsSync(file)) ?? '/usr/bin/tmux'
  // Not with the settings of whoever runs this.
  const [program, to] = [`${shellWord(real)} -f /dev/null`, shellWord(log)]
  return `[ -d "$TMUX_TMPDIR" ] || { echo "the directory of this daemon's tmux is gone: $TMUX_TMPDIR" >&2; exit 1; }
case " $* " in
*" new-session "*) ${program} "$@" || exit; echo "$*" >> ${to}; exit 0 ;;
*" kill-s"*) echo "$*" >> ${to} ;;
esac
exec ${program} "$@"`
}

/** @param env with the TMUX_TMPDIR that the daemon has; @param log of `tmuxWitness` */
export function tmuxTerminals(env: Readonly<Record<string, string>>, log: string): Terminals {
  // Without its directory it would go to the user's own server.
  const tmux = async (...args: string[]): Promise<{ stdout: string }> => !existsSync(env.TMUX_TMPDIR ?? '') ? { stdout: '' } : execa('tmux', args, { env: { ...env }, extendEnv: false, reject: false, stdin: 'ignore', timeout: 10_000 })
  const list = async (): Promise<string[]> => (await tmux('list-sessions', '-F', '#{session_name}')).stdout.split('\n').filter((line) => line !== '')
  const made = (): string[] => {
    const sessions = new Set<string>()
    for (const line of existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []) {
      const [, session] = / -s (\S+)/.exec(line) ?? []
      const [, ended] = /kill-session .*-t =?(\S+)/.exec(line) ?? []
      if (ended !== undefined) sessions.delete(ended)
      else if (line.includes('kill-server')) sessions.clear()
      else if (session !== undefined) sessions.add(session)
    }
    return [...sessions]
  }
  return {
    kind: 'tmux',
    list,
    // One that is ended between the looks is no more in the log at the second.
    lost: async () => {
      const before = made()
      const living = await list()
      return made().filter((name) => before.includes(name) && !living.includes(name))
    },
    kill: async (name) => { await tmux('kill-session', '-t', `=${name}`) },
    screen: async (name) => (await tmux('capture-pane', '-p', '-S', '-', '-t', name)).stdout,
  }
}
