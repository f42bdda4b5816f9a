import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { z } from 'zod'
import { UsageError } from '../../harness/errors.ts'
import { path, text } from '../../harness/options/definitions.ts'

/** Options of this suite alone; SMOKE_SOURCE_AO and SMOKE_REF_AO are the harness's. */
export const options = {
  aoBin: path('program of AO to test instead of building it from the source; named `ao` in the sandbox', { placeholder: '<file>' }),
  zellij: text('terminal program for versions that use zellij: `auto` (a good one on PATH, else the stand-in over tmux) or `stand-in`', {
    schema: z.enum(['auto', 'stand-in'], 'auto or stand-in'), fallback: 'auto', placeholder: '<which>',
  }),
} as const

const values = z.object({ aoBin: z.string().optional(), zellij: z.enum(['auto', 'stand-in']) })
type AoOptions = z.infer<typeof values>

/** The values of this suite's options, as a step gets them. */
export const optionsOf = (own: Readonly<Record<string, unknown>>): AoOptions => values.parse(own)

const otherwise = 'name a program of AO, or leave it out and name a source: SMOKE_SOURCE_AO=/path/or/url'

/** The first four bytes of a file. */
function headOf(file: string): string {
  const [handle, bytes] = [openSync(file, 'r'), Buffer.alloc(4)]
  try {
    return bytes.toString('latin1', 0, readSync(handle, bytes))
  } finally {
    closeSync(handle)
  }
}

/** @throws UsageError when the program is not there, or is none */
export function checkOptions(own: Readonly<Record<string, unknown>>): void {
  const { aoBin } = optionsOf(own)
  if (aoBin === undefined) return
  const what = statSync(aoBin, { throwIfNoEntry: false })
  if (what?.isFile() !== true) throw new UsageError(`SMOKE_AO_BIN=${JSON.stringify(aoBin)} ${what ? 'is no file' : 'does not exist'}`, otherwise)
  const head = headOf(aoBin)
  // One that came without its mode, as an artifact of a CI does, is taken: it gets a copy of its own. A text would be run by the shell.
  if (!head.startsWith('\u007fELF') && !(head.startsWith('#!') && (what.mode & 0o111) !== 0)) throw new UsageError(`SMOKE_AO_BIN=${JSON.stringify(aoBin)} is no program: it begins with ${JSON.stringify(head)}`, otherwise)
}
