import { statSync } from 'node:fs'
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

/** @throws UsageError when the program is not there, or is no file */
export function checkOptions(own: Readonly<Record<string, unknown>>): void {
  const { aoBin } = optionsOf(own)
  if (aoBin === undefined) return
  const what = statSync(aoBin, { throwIfNoEntry: false })
  if (what?.isFile() !== true) throw new UsageError(`SMOKE_AO_BIN=${JSON.stringify(aoBin)} ${what ? 'is no file' : 'does not exist'}`, 'name a program of AO, or leave it out and name a source: SMOKE_SOURCE_AO=/path/or/url')
}
