import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { identify, isAlive } from '../../harness/processes/table.ts'

/** The terminal sessions that one daemon has, seen from outside of AO. */
export interface Terminals {
  readonly kind: 'zellij' | 'tmux'
  /** Names of the sessions that live. */
  readonly list: () => Promise<string[]>
  readonly kill: (name: string) => Promise<void>
  /** What is on the screen of a session. */
  readonly screen: (name: string) => Promise<string>
}

/** The stand-in's sessions, read from its directory: a file each, with its name and the process id of its tmux server. */
export function standInTerminals(directory: string, program: string, env: Readonly<Record<string, string>>): Terminals {
  const list = (): string[] => !existsSync(directory) ? [] : readdirSync(directory).filter((file) => file.endsWith('.name')).flatMap((file) => {
    const [name = '', pid = ''] = readFileSync(join(directory, file), 'utf8').split('\n')
    const process = identify(Number(pid))
    return process !== undefined && isAlive(process) ? [name] : []
  })
  return { ...zellijTerminals(program, env), list: () => Promise.resolve(list()) }
}

/** @param program zellij, or what stands in for it, with the daemon's own namespace; @param env the daemon's environment */
export function zellijTerminals(program: string, env: Readonly<Record<string, string>>): Terminals {
  const zellij = (...args: string[]): Promise<{ stdout: string }> => execa(program, args, { env: { ...env }, extendEnv: false, reject: false, stdin: 'ignore', timeout: 10_000 })
  return {
    kind: 'zellij',
    list: async () => (await zellij('list-sessions', '--no-formatting')).stdout.split('\n').filter((line) => line !== '' && !line.includes('(EXITED')).map((line) => line.split(' ')[0] ?? ''),
    kill: async (name) => { await zellij('kill-session', name) },
    screen: async (name) => (await zellij('--session', name, 'action', 'dump-screen', '--pane-id', 'terminal_0', '--full')).stdout,
  }
}

/** @param env with the TMUX_TMPDIR that the daemon has */
export function tmuxTerminals(env: Readonly<Record<string, string>>): Terminals {
  const tmux = (...args: string[]): Promise<{ stdout: string }> => execa('tmux', args, { env: { ...env }, extendEnv: false, reject: false, stdin: 'ignore', timeout: 10_000 })
  return {
    kind: 'tmux',
    list: async () => !existsSync(env.TMUX_TMPDIR ?? '') ? [] : (await tmux('list-sessions', '-F', '#{session_name}')).stdout.split('\n').filter((line) => line !== ''),
    kill: async (name) => { await tmux('kill-session', '-t', `=${name}`) },
    screen: async (name) => (await tmux('capture-pane', '-p', '-S', '-', '-t', name)).stdout,
  }
}
