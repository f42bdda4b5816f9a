import type { ProgressEvent } from '../harness/record.ts'

/**
 * Lets events through in the order in which they are to be shown: what a lane does that runs beside others is held back
 * until its `lane-started` says that it is its turn. Events of no lane pass at once.
 */
export function inTurn(): (event: ProgressEvent) => readonly ProgressEvent[] {
  const told = new Set<string>()
  const held = new Map<string, ProgressEvent[]>()
  return (event) => {
    if (!('lane' in event)) return [event]
    const { lane } = event
    if (event.type === 'lane-started') {
      told.add(lane)
      const waiting = held.get(lane) ?? []
      held.delete(lane)
      return [event, ...waiting]
    }
    // A lane that never began ends all the same.
    if (told.has(lane) || event.type === 'lane-ended') return [event]
    held.set(lane, [...held.get(lane) ?? [], event])
    return []
  }
}
