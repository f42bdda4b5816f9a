import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { smokeProject } from './harness/vitest/config.ts'
import { LaneSequencer } from './harness/vitest/sequencer.ts'

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

export default defineConfig(async () => ({
  test: {
    sequence: { sequencer: LaneSequencer },
    teardownTimeout: 30_000,
    // What was transformed once is not transformed again: half of a short run is nothing else.
    experimental: { fsModuleCache: true },
    reporters: [here('reports/reporter.ts')],
    projects: [
      await smokeProject({ root: here('.'), defaultSuite: 'reference', env: process.env, globalSetup: [here('reports/finish.ts')] }),
      {
        test: {
          name: 'self',
          include: ['{suites,harness,helpers,reports}/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          // Most of them wait for runs of their own: one worker would leave the machine idle.
          maxWorkers: 3,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
}))
