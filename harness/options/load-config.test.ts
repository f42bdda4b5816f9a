import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { UsageError } from '../errors.ts'
import { loadConfig } from './load-config.ts'

let dir: string
beforeEach(() => {
  dir = realpathSync(mkdtempSync(join(tmpdir(), 'config-')))
})
afterEach(() => {
  rmSync(dir, { recursive: true, force: true })
})

test('no file, no config', async () => {
  expect(await loadConfig(dir)).toBeUndefined()
})

test.each(['smoke.config.ts', 'smoke.config.mjs'])('%s is read, types and imports and all', async (name) => {
  const typed = name.endsWith('.ts')
  const module = fileURLToPath(new URL('./config.ts', import.meta.url))
  writeFileSync(join(dir, name), `import { defineConfig } from ${JSON.stringify(module)}\nconst keep${typed ? ': "failed"' : ''} = 'failed'\nexport default defineConfig({ keep, stageTimeout: 5 })\n`)
  expect(await loadConfig(dir)).toEqual({ path: join(dir, name), config: { keep: 'failed', stageTimeout: 5 } })
})

test.each([
  ['does not parse', 'export default {'],
  ['throws', 'throw new Error("no such day")'],
])('a file that %s is named with the reason', async (_what, text) => {
  writeFileSync(join(dir, 'smoke.config.ts'), text)
  await expect(loadConfig(dir)).rejects.toThrow(UsageError)
  await expect(loadConfig(dir)).rejects.toThrow(/smoke\.config\.ts cannot be read: .+\n {2}next: /)
})
