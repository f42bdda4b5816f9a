import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { execa } from 'execa'
import { findAgent } from '../../../harness/agents/find-agent.ts'
import { familyVariable } from '../../../harness/options/definitions.ts'
import type { VerdictClass } from '../../../harness/verdict.ts'
import { sourceFolder } from '../places.ts'

/** Something that really went wrong with such stacks, made to happen on purpose. */
export interface Fault {
  readonly id: string
  /** What happened then, in one or two sentences. */
  readonly incident: string
  /** What to run: file filters of vitest. */
  readonly filters: readonly string[]
  /** The lane that must turn red, and why. */
  readonly lane: string
  readonly verdict: VerdictClass
  /** Words the diagnosis must contain. */
  readonly words: readonly (string | RegExp)[]
  /** Makes it happen; returns the environment of the run. */
  readonly inject: (kit: FaultKit) => Promise<Record<string, string>>
}

export interface FaultKit {
  /** An empty directory of this fault. */
  readonly directory: string
  /** A repository like the suite's own source, with one more commit: the fault. Returns the option that selects it. */
  readonly commit: (source: 'stack' | 'proxy', change: (edit: Edit) => void) => Promise<Record<string, string>>
}

/** Replaces text in a file of the source. @throws Error when the text is not there: the fault would not be one */
export type Edit = (file: string, from: string | RegExp, to: string) => void

export function faultKit(directory: string): FaultKit {
  return {
    directory,
    commit: async (source, change) => {
      const repository = join(directory, source)
      cpSync(sourceFolder(source), repository, { recursive: true })
      change((file, from, to) => {
        const path = join(repository, file)
        const before = readFileSync(path, 'utf8')
        const after = before.replace(from, to)
        if (after === before) throw new Error(`${source}/${file} does not contain ${String(from)}: the fault cannot be injected`)
        writeFileSync(path, after)
      })
      const git = (...args: string[]): Promise<unknown> => execa('git', ['-c', 'user.name=fault', '-c', 'user.email=fault@localhost', ...args], { cwd: repository, stdin: 'ignore' })
      await git('init', '--quiet', '--initial-branch=main')
      await git('add', '--all')
      await git('commit', '--quiet', '--message', 'a fault')
      return { [familyVariable('sources', source)]: repository }
    },
  }
}

/** An agent program that answers questions about itself as the real Codex, and runs a session as `agents/<name>.mjs`. */
export function standIn(directory: string, name: string): Record<string, string> {
  const program = fileURLToPath(new URL(`agents/${name}.mjs`, import.meta.url))
  const file = join(directory, 'agent')
  writeFileSync(file, `#!/bin/sh\nREAL_CODEX='${findAgent(undefined)}' exec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 })
  return { SMOKE_AGENT_BIN: file }
}
