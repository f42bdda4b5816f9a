import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { smokeProject } from '../../vitest/config.ts'
import { LaneSequencer } from '../../vitest/sequencer.ts'

export default defineConfig({
  test: {
    sequence: { sequencer: LaneSequencer },
    projects: [smokeProject({ root: fileURLToPath(new URL('.', import.meta.url)), defaultSuite: 'toy', env: process.env })],
  },
})
