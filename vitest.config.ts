import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { smokeProject } from './harness/vitest/config.ts'
import { LaneSequencer } from './harness/vitest/sequencer.ts'

export default defineConfig({
  test: {
    sequence: { sequencer: LaneSequencer },
    teardownTimeout: 30_000,
    projects: [
      smokeProject({ root: fileURLToPath(new URL('.', import.meta.url)), defaultSuite: 'reference', env: process.env }),
      {
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
