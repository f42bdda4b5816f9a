import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  test: { name: 'bench', include: ['suites/stelae/bench/*.bench.ts'], testTimeout: 3_600_000, reporters: [['default', { summary: false }]], disableConsoleIntercept: true },
})
