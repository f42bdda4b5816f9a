import { existsSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { LaneSequencer } from './harness/vitest/sequencer.ts'

const asked = process.env.SMOKE_SUITE ?? 'reference'
// An unknown suite must reach the global setup, which says what is wrong with it.
const suite = existsSync(new URL(`./suites/${asked}/suite.ts`, import.meta.url)) ? asked : '*'

export default defineConfig({
  test: {
    sequence: { sequencer: LaneSequencer },
    teardownTimeout: 30_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'smoke',
          include: [`suites/${suite}/*.smoke.ts`],
          globalSetup: ['harness/vitest/global-setup.ts'],
          setupFiles: ['harness/vitest/worker-setup.ts'],
          isolate: false,
          fileParallelism: false,
          maxWorkers: 1,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'self',
          include: ['{suites,harness,helpers,reports}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
