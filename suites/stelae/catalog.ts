import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'

const enabled = z.boolean().nullish()
const tool = z.object({ enabled }).partial().catch({})
const servers = z.record(z.string(), z.object({ enabled, tools: z.record(z.string(), tool).nullish() }).partial().catch({}))
const snapshot = z.object({
  catalog: z.object({
    toolOverrides: z.object({ servers }).partial().catch({}),
    toolAggregations: z.object({ aggregations: z.array(z.object({ name: z.string() })) }).partial().catch({}),
  }).partial(),
})

export interface NamedTool {
  readonly server: string
  readonly tool: string
}

/** Where the catalog and the overrides that the proxy obeys say different things. */
export interface CatalogDifference {
  /** Names that are to be offered. */
  readonly tools: readonly string[]
  /** On in the catalog, off in the overrides. */
  readonly hidden: readonly NamedTool[]
  /** Off in the catalog, and not in the overrides. */
  readonly notObeyed: readonly NamedTool[]
}

/**
 * The tools that Stelae intends to offer: those that its catalog snapshot leaves switched on, and the aggregated ones,
 * as its own drift check reads them; without those that its runtime overrides hide from the proxy. Undefined when the
 * checkout makes no such snapshot, or an empty one.
 */
export function intendedTools(intendedFile: string, overridesFile: string): CatalogDifference | undefined {
  if (!existsSync(intendedFile)) return undefined
  const parsed = snapshot.safeParse(JSON.parse(readFileSync(intendedFile, 'utf8')))
  if (!parsed.success) return undefined
  const { toolOverrides, toolAggregations } = parsed.data.catalog
  const aggregated = new Set((toolAggregations?.aggregations ?? []).map(({ name }) => name))
  const overrides = existsSync(overridesFile) ? z.object({ servers }).partial().catch({}).parse(JSON.parse(readFileSync(overridesFile, 'utf8'))) : {}
  const wanted = toolsIn(toolOverrides?.servers ?? {})
  const obeyed = toolsIn(overrides.servers ?? {})
  const isOff = ({ server, tool: name }: NamedTool): boolean => obeyed.some((one) => one.server === server && one.tool === name && !one.on)
  const hidden = wanted.filter((one) => one.on && isOff(one) && !aggregated.has(one.tool)).map(named)
  const notObeyed = wanted.filter((one) => !one.on && !isOff(one)).map(named)
  const on = wanted.filter((one) => one.on && !isOff(one)).map((one) => one.tool)
  return { tools: [...new Set([...aggregated, ...on])].toSorted(), hidden, notObeyed }
}

const named = ({ server, tool: name }: NamedTool): NamedTool => ({ server, tool: name })

function toolsIn(all: z.infer<typeof servers>): (NamedTool & { readonly on: boolean })[] {
  return Object.entries(all).flatMap(([server, { enabled, tools }]) =>
    Object.entries(tools ?? {}).filter(([name]) => name !== '*').map(([name, entry]) => ({ server, tool: name, on: enabled !== false && entry.enabled !== false })))
}
