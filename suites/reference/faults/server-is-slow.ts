import type { Fault } from './fault.ts'

export const serverIsSlow: Fault = {
  id: 'server-is-slow',
  incident: 'One slow MCP server kept the whole proxy from being ready, and the restart timed out without naming it.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'red', lane: 'bootstrap', verdict: 'readiness',
    words: [/the proxy (still waits for .*docs|could not start server docs)/, 'HTTP 503'],
  },
  inject: async ({ commit }) => ({
    // However patient the restart is, the proxy waits longer for the server.
    ...await commit('proxy', (edit) => { edit('lib/downstream.mjs', 'startTimeoutMs = 30_000', 'startTimeoutMs = 600_000') }),
    ...await commit('stack', (edit) => { edit('servers/docs.mjs', /\n\nconst folder/, "\n\nif (process.env.PROXY_CONFIG) await new Promise((resolve) => { setTimeout(resolve, 600_000) })\nconst folder") }),
    SMOKE_RESTART_TIMEOUT: '60', SMOKE_RESTART_RETRIES: '0',
  }),
}
