import { spawn } from 'node:child_process'

export interface GitAnswer {
  /** What git printed, when it ended well. */
  readonly out?: string
  /** Why there is no answer. */
  readonly problem?: string
}

export interface GitQuestion {
  readonly cwd: string
  /** The WHOLE environment of git, but for what keeps it from asking and from writing. */
  readonly env: Readonly<Record<string, string>>
  readonly boundMs: number
}

/**
 * Asks git something that changes nothing. It asks nobody back: no input, no terminal. When the time is over, git is
 * ended with everything it started. Never rejects.
 */
export async function askGit(args: readonly string[], { cwd, env, boundMs }: GitQuestion): Promise<GitAnswer> {
  return new Promise((resolve) => {
    const child = spawn('git', ['-c', 'core.fsmonitor=false', ...args], {
      // A session of its own: no terminal to ask on, and a group that can be ended as one.
      cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'],
      env: { GIT_SSH_COMMAND: 'ssh -oBatchMode=yes', ...env, GIT_TERMINAL_PROMPT: '0', GIT_OPTIONAL_LOCKS: '0' },
    })
    let out = ''
    let err = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text })
    child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text })
    let late = false
    const timer = setTimeout(() => {
      late = true
      try {
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      } catch {
        // It ended in between.
      }
    }, boundMs)
    const end = (answer: GitAnswer): void => {
      clearTimeout(timer)
      resolve(late ? { problem: `no answer within ${boundMs / 1000} s` } : answer)
    }
    child.once('error', (error) => { end({ problem: error.message }) })
    child.once('close', (code, signal) => {
      end(code === 0 ? { out } : { problem: err.trim().split('\n').slice(-3).join('; ') || `git ended with ${code ?? signal ?? '?'}` })
    })
  })
}
