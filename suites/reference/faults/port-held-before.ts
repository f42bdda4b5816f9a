import type { Fault } from './fault.ts'

export const portHeldBefore: Fault = {
  id: 'port-held-before',
  incident: 'A long-lived proxy of the developer listened on the port that the sandbox was told to use, and was killed for it.',
  filters: ['bootstrap.smoke'],
  outcome: {
    is: 'refused', exitCode: 2,
    words: [/port \d+ is held by process \d+: .*listens\.mjs/, 'nothing was done to it'],
  },
  inject: async ({ freePort, interfere }) => {
    const port = String(await freePort())
    await interfere('listens', port)
    return { SMOKE_PORT_PROXY: port }
  },
}
