#!/usr/bin/env node
// The sources are TypeScript and Node 20 reads none: vite, which vitest brings, loads them, and the suites they import.
import { fileURLToPath } from 'node:url'
import { createRunnableDevEnvironment, resolveConfig } from 'vite'

// A reader that goes away, as in `| head`, ends the output and not the work.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined)

const inline = { consumer: 'server', dev: { moduleRunnerTransform: true }, resolve: { external: true, mainFields: [], conditions: ['node'] } }
const config = await resolveConfig({ configFile: false, envDir: false, logLevel: 'silent', environments: { inline } }, 'serve')
const environment = createRunnableDevEnvironment('inline', config, { runnerOptions: { hmr: { logger: false } }, hot: false })
await environment.init()
try {
  const { main } = await environment.runner.import(fileURLToPath(new URL('./main.ts', import.meta.url)))
  process.exitCode = await main(process.argv.slice(2), process)
} finally {
  await environment.close()
}
