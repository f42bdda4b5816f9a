import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { shellWord } from '../../../harness/shell-word.ts'

export type GhState =
  /** Logged in: it prints a token, and the URL of the repository it is asked in, when there is one. */
  | { readonly state: 'token'; readonly token: string; readonly url?: string }
  /** It prints nothing and is content. */
  | { readonly state: 'empty' }
  /** Installed, not logged in: a message and an exit code, as of the real one. */
  | { readonly state: 'fails' }
  /** Not there: no program of this name in the directory. Another directory of PATH may still hold one. */
  | { readonly state: 'absent' }

const call = z.object({
  at: z.string(), args: z.array(z.string()), cwd: z.string(), state: z.string(), exitCode: z.number(),
  /** It was asked for what the stand-in does not know: what followed is no finding. */
  unknown: z.boolean(),
})
type GhCall = z.infer<typeof call>

/**
 * A `gh` in `bin`, in a state that can be changed while others call it.
 * @param bin a directory of the callers' PATH
 * @param directory where its state and its calls are kept
 */
export function standInGh(bin: string, directory: string, first: GhState): { set(state: GhState): void; calls(): GhCall[] } {
  const program = join(bin, 'gh')
  const log = join(directory, 'calls.jsonl')
  mkdirSync(directory, { recursive: true })
  const set = (state: GhState): void => {
    // A token in a file of the run: a made-up one, and only its owner reads it.
    writeFileSync(join(directory, 'state.json'), JSON.stringify(state), { mode: 0o600 })
    if (state.state === 'absent') rmSync(program, { force: true })
    else {
      writeFileSync(program, `#!/bin/sh\nexec ${[process.execPath, fileURLToPath(new URL('gh.mjs', import.meta.url)), directory].map(shellWord).join(' ')} "$@"\n`)
      chmodSync(program, 0o755)
    }
  }
  set(first)
  return {
    set,
    calls: () => existsSync(log) ? readFileSync(log, 'utf8').split('\n').slice(0, -1).map((line) => call.parse(JSON.parse(line))) : [],
  }
}
