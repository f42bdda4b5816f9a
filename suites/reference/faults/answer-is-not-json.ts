import type { Fault } from './fault.ts'

export const answerIsNotJson: Fault = {
  id: 'answer-is-not-json',
  incident: 'A tool answered text where it had promised JSON; clients said "Expecting value" and nobody knew whose fault it was.',
  filters: ['bundle-tools.smoke'],
  outcome: {
    is: 'red', lane: 'bundle-tools', verdict: 'tool-failed',
    words: ['manage_stack answered text that is not the JSON it promises: ok: {'],
  },
  inject: ({ commit }) => commit('stack', (edit) => {
    edit('lib/manage-stack.mjs', "text: JSON.stringify(answer) }],\n  structuredContent: answer,", "text: `ok: ${JSON.stringify(answer)}` }],")
  }),
}
