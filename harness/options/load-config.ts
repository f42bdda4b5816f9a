import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfigFromFile } from 'vite'
import { UsageError } from '../errors.ts'
import type { ConfigFile } from './resolve.ts'

const names = ['smoke.config.ts', 'smoke.config.mts', 'smoke.config.js', 'smoke.config.mjs']

/** Reads smoke.config.ts of the given folder, if there is one. @throws UsageError when it cannot be read */
export async function loadConfig(root: string): Promise<ConfigFile | undefined> {
  const path = names.map((name) => join(root, name)).find((file) => existsSync(file))
  if (path === undefined) return undefined
  try {
    const loaded = await loadConfigFromFile({ command: 'serve', mode: 'test' }, path, root, 'silent')
    return { path, config: loaded?.config }
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split('\n').filter((line) => line.trim() !== '').slice(0, 4).join('; ')
    throw new UsageError(`${path} cannot be read: ${reason}`, 'correct it; npx tsc --noEmit checks it with all other files')
  }
}
