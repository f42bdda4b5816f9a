import type { ProgressEvent } from '../harness/record.ts'

/** Lets events through in the order in which they are to be shown: what a check found comes after the check's own end. */
export function belowTheirCheck(): (event: ProgressEvent) => readonly ProgressEvent[] {
  let held: Extract<ProgressEvent, { type: 'finding' | 'stale-finding' }>[] = []
  return (event) => {
    if (event.type === 'finding' || event.type === 'stale-finding') {
      held.push(event)
      return []
    }
    // A lane that was stopped ends without the end of its check.
    if (event.type !== 'step-ended' && event.type !== 'lane-ended') return [event]
    const isOfThis = ({ lane, step }: (typeof held)[number]): boolean => lane === event.lane && (event.type === 'lane-ended' || step === event.step)
    const found = held.filter(isOfThis)
    held = held.filter((finding) => !isOfThis(finding))
    return event.type === 'step-ended' ? [event, ...found] : [...found, event]
  }
}
