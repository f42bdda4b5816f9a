import { join } from 'node:path'
import { z } from 'zod'
import { markerFile, type Owner } from './owner.ts'
import { readPlain, writeWhole } from './whole-file.ts'

const ownerSchema = z.object({ pid: z.number().int().positive(), startTime: z.number().int(), boot: z.string(), /** The PID namespace, without which a pid means nothing. */ pids: z.string().optional() })

export const markerSchema = z.object({
  schema: z.literal(2),
  /** Value of SMOKE_SANDBOX_ID; stays the same when a later run goes on in the workspace. */
  sandbox: z.string().min(1),
  run: z.string(),
  suite: z.string(),
  createdAt: z.string(),
  owner: ownerSchema,
  /** Kept on purpose, or paused for a person: only its user removes it. */
  kept: z.boolean(),
  sources: z.record(z.string(), z.object({
    /** As configured or asked for. */
    from: z.string(), kind: z.enum(['git', 'folder']), ref: z.string().optional(), commit: z.string(),
  })),
  ports: z.record(z.string(), z.number()),
  lanes: z.record(z.string(), z.enum(['passed', 'failed'])),
})
export type Marker = z.infer<typeof markerSchema>

export type MarkerReading =
  | { readonly kind: 'none' }
  /** Of another version, or not readable; the owner is told where it could be read. */
  | { readonly kind: 'older' | 'newer' | 'damaged'; readonly owner?: Owner; readonly schema?: number }
  | { readonly kind: 'current'; readonly marker: Marker }

/** Reads the marker of a directory. Never throws. */
export function readMarker(path: string): MarkerReading {
  let value: unknown
  try {
    const text = readPlain(join(path, markerFile))
    if (text === undefined) return { kind: 'none' }
    value = JSON.parse(text)
  } catch {
    return { kind: 'damaged' }
  }
  const current = markerSchema.safeParse(value)
  if (current.success) return { kind: 'current', marker: current.data }
  const { schema, owner } = z.object({ schema: z.number().optional().catch(undefined), owner: ownerSchema.optional().catch(undefined) })
    .catch({ schema: undefined, owner: undefined }).parse(value)
  const kind = schema === undefined || schema === 2 ? 'damaged' : schema < 2 ? 'older' : 'newer'
  return { kind, ...(owner && { owner }), ...(schema !== undefined && { schema }) }
}

/** Who made the workspace, as far as its marker tells. */
export function ownerOf(reading: MarkerReading): Owner | undefined {
  return reading.kind === 'current' ? reading.marker.owner : reading.kind === 'none' ? undefined : reading.owner
}

export const markerText = (marker: Marker): string => `${JSON.stringify(marker, null, 2)}\n`

/**
 * Changes what a marker says. For its owner alone: two processes that do this at once lose one of the changes.
 * @throws Error when there is no marker of this version
 */
export function updateMarker(root: string, change: Partial<Omit<Marker, 'schema'>>): Marker {
  const reading = readMarker(root)
  if (reading.kind !== 'current') throw new Error(`${join(root, markerFile)} cannot be changed: it is ${reading.kind}`)
  const marker = markerSchema.parse({ ...reading.marker, ...change })
  writeWhole(join(root, markerFile), markerText(marker))
  return marker
}
