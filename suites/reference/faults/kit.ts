import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import getPort from 'get-port'
import { findAgent } from '../../../harness/agents/find-agent.ts'
import { familyVariable } from '../../../harness/options/definitions.ts'
import { shellWord } from '../../../harness/shell-word.ts'
import { sourceFolder } from '../places.ts'

/** What a fault can be made with. All of it lies in one directory, and ends with `dispose`. */
export interface FaultKit {
  /** A directory of this fault alone. */
  readonly directory: string
  /** Where a run goes that is to be gone on with. */
  readonly workspace: string
  /** A repository like the suite's own source, with one more commit: the fault. Returns the option that selects it. */
  readonly commit: (source: 'stack' | 'proxy', change: (edit: Edit, make: Make) => void) => Promise<Record<string, string>>
  /** An agent that answers questions about itself as the real Codex, and runs a session as `agents/<name>.mjs`. */
  readonly standIn: (name: string) => Record<string, string>
  /** A port that nobody listens on now. */
  readonly freePort: () => Promise<number>
  /** Starts `interferers/<name>.mjs`, and waits until it says that it is ready. */
  readonly interfere: (name: string, ...args: string[]) => Promise<void>
}

/** Replaces text in a file of the source. @throws Error when the text is not there: the fault would not be one */
export type Edit = (file: string, from: string | RegExp, to: string) => void

/** Adds a file to the source. @throws Error when it is there already */
export type Make = (file: string, text: string) => void

/** How long an interfering process may take to be ready. Milliseconds. */
const readyMs = 120_000

export function faultKit(directory: string): { readonly kit: FaultKit; readonly dispose: () => Promise<void> } {
  const interferers: ChildProcess[] = []
  const kit: FaultKit = {
    directory,
    workspace: join(directory, 'w'),
    commit: async (source, change) => {
      const repository = join(directory, source)
      if (!existsSync(repository)) cpSync(sourceFolder(source), repository, { recursive: true })
      change((file, from, to) => {
        const path = join(repository, file)
        const before = readFileSync(path, 'utf8')
        const after = before.replace(from, () => to)
        if (after === before) throw new Error(`${source}/${file} does not contain ${String(from)}: the fault cannot be injected`)
        writeFileSync(path, after)
      }, (file, text) => { writeFileSync(join(repository, file), text, { flag: 'wx' }) })
      const git = (...args: string[]): Promise<unknown> => execa('git', ['-c', 'user.name=fault', '-c', 'user.email=fault@localhost', ...args], { cwd: repository, stdin: 'ignore' })
      await git('init', '--quiet', '--initial-branch=main')
      await git('add', '--all')
      await git('commit', '--quiet', '--message', 'a fault')
      return { [familyVariable('sources', source)]: repository }
    },
    standIn: (name) => {
      const program = fileURLToPath(new URL(`agents/${name}.mjs`, import.meta.url))
      if (!existsSync(program)) throw new Error(`there is no agent ${program}: the fault cannot be injected`)
      const file = join(directory, 'agent')
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, `#!/bin/sh\nREAL_CODEX=${shellWord(findAgent(undefined))} exec ${shellWord(process.execPath)} ${shellWord(program)} "$@"\n`, { mode: 0o755 })
      return { SMOKE_AGENT_BIN: file }
    },
    freePort: () => getPort(),
    interfere: async (name, ...args) => {
      const program = fileURLToPath(new URL(`interferers/${name}.mjs`, import.meta.url))
      const child = spawn(process.execPath, [program, ...args], { cwd: directory, stdio: ['ignore', 'pipe', 'inherit'] })
      interferers.push(child)
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => { reject(new Error(`${program} was not ready within ${readyMs / 1000} s`)) }, readyMs)
        child.once('error', (error) => { clearTimeout(timer); reject(error) })
        child.once('exit', (code) => { clearTimeout(timer); reject(new Error(`${program} ended with ${String(code)}`)) })
        child.stdout.once('data', () => { clearTimeout(timer); resolve() })
      })
    },
  }
  return {
    kit,
    dispose: async () => {
      await Promise.all(interferers.splice(0).map((child) => new Promise<void>((resolve) => {
        if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) resolve()
        else child.once('exit', () => { resolve() }).kill('SIGKILL')
      })))
    },
  }
}
