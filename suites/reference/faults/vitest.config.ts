import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

export default defineConfig({
  root: fileURLToPath(new URL('../../..', import.meta.url)),
  test: { name: 'faults', include: ['suites/reference/faults/*.faults.ts'], testTimeout: 900_000, hookTimeout: 60_000, reporters: [['default', { summary: false }]], disableConsoleIntercept: true },
})
