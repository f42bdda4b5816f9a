/** The part of a lane that says how it moves the sandbox. */
export interface Edge {
  readonly name: string
  readonly needs: string
  readonly leaves: string
}

/**
 * The shortest sequence of lanes that leads from one state to another, in declared order where several are as short.
 * Undefined when there is none.
 */
export function routeBetween<L extends Edge>(lanes: readonly L[], from: string, to: string): L[] | undefined {
  const seen = new Set([from])
  let frontier: { state: string; route: L[] }[] = [{ state: from, route: [] }]
  while (frontier.length > 0) {
    const next: typeof frontier = []
    for (const { state, route } of frontier) {
      if (state === to) return route
      for (const lane of lanes) {
        if (lane.needs !== state || seen.has(lane.leaves)) continue
        seen.add(lane.leaves)
        next.push({ state: lane.leaves, route: [...route, lane] })
      }
    }
    frontier = next
  }
  return undefined
}
