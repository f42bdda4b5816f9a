import type { Fault } from './fault.ts'

export const agentTranscriptCut: Fault = {
  id: 'agent-transcript-cut',
  incident: 'The transcript ended in the middle of a line, and its parser passed over what it could not read.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'agent-protocol',
    words: [/line \d+ of its transcript is cut off: \{/],
  },
  inject: ({ standIn }) => Promise.resolve(standIn('cuts-transcript')),
}
