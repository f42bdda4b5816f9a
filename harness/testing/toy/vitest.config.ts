import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { smokeProject } from '../../vitest/config.ts'
import { LaneSequencer } from '../../vitest/sequencer.ts'

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url))
const reports = here('../../../reports')

export default defineConfig(async () => ({
  test: {
    sequence: { sequencer: LaneSequencer },
    experimental: { fsModuleCache: true },
    reporters: [`${reports}/reporter.ts`],
    projects: [await smokeProject({ root: here('.'), defaultSuite: 'toy', env: process.env, globalSetup: [`${reports}/finish.ts`] })],
  },
}))
