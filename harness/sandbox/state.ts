import { z } from 'zod'
import { UsageError } from '../errors.ts'
import { readPlain, writeWhole } from './whole-file.ts'

const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value)

/** What `state.json` holds: where the lanes have brought the sandbox, so that a later process can go on. */
export const sandboxStateSchema = z.object({
  schema: z.literal(2),
  state: z.string(),
  facts: z.custom<object>(isObject, 'an object'),
  /** A lane that failed half-way: the sandbox is in no state. */
  broken: z.object({ lane: z.string(), why: z.string() }).optional(),
  /** A stage that waits for a person. */
  paused: z.object({
    lane: z.string(), stage: z.string(),
    /** How many calls were in the stack's log before. */
    received: z.number(),
    /** How many were there when it was judged, and not done. */
    seen: z.number().optional(),
  }).optional(),
})
export type SandboxState = z.infer<typeof sandboxStateSchema>

export function writeState(file: string, state: Omit<SandboxState, 'schema'>): void {
  writeWhole(file, `${JSON.stringify({ schema: 2, ...state }, null, 2)}\n`)
}

/** @throws UsageError when there is none, or it is of another version or damaged */
export function readState(file: string): SandboxState {
  const remedy = 'SMOKE_FORCE_BOOTSTRAP=1 begins anew in this workspace'
  let value: unknown
  try {
    const text = readPlain(file)
    if (text === undefined) throw new UsageError(`there is no ${file}: no lane of this workspace has ended yet`, remedy)
    value = JSON.parse(text)
  } catch (error) {
    if (error instanceof UsageError) throw error
    throw new UsageError(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, remedy)
  }
  const result = sandboxStateSchema.safeParse(value)
  if (result.success) return result.data
  throw new UsageError(`${file} is not what this version writes: ${z.prettifyError(result.error).replaceAll(/\s*\n\s*/g, ' ')}`, remedy)
}
