import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  test: {
    name: 'stress', include: ['harness/testing/stress/*.stress.ts'], testTimeout: 0, teardownTimeout: 10_000,
    reporters: [['default', { summary: false }]], disableConsoleIntercept: true,
  },
})
