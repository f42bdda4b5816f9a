import type { Fault } from './fault.ts'

export const serverDiesAtStart: Fault = {
  id: 'server-dies-at-start',
  incident: 'An MCP server of the bundle ended as soon as it was started; the installer waited for its answer, and its exit code was lost.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'bootstrap-step',
    words: ['docs does not answer as an MCP server', 'docs needs a database'],
  },
  inject: ({ commit }) => commit('stack', (edit) => { edit('servers/docs.mjs', /\n\nconst folder/, "\n\nconsole.error('docs needs a database')\nprocess.exit(3)\nconst folder") }),
}
