import { existsSync, readdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UsageError } from '../errors.ts'
import { nearestOf } from '../options/nearest.ts'
import type { AnySuite } from '../suite.ts'

/** The file that makes a folder in `suites/` a suite. */
const suiteFile = 'suite.ts'

export function suiteNames(root: string): string[] {
  const folder = join(root, 'suites')
  if (!existsSync(folder)) return []
  return readdirSync(folder).filter((name) => existsSync(join(folder, name, suiteFile))).sort()
}

/**
 * Loads `suites/<name>/suite.ts`, whose default export is the suite.
 * @throws UsageError when there is no such suite
 */
export async function loadSuite(root: string, name: string): Promise<AnySuite> {
  const names = suiteNames(root)
  if (!names.includes(name)) {
    const nearest = nearestOf(name, names)
    throw new UsageError(
      `there is no suite called ${JSON.stringify(name)} in ${join(root, 'suites')}`,
      nearest === undefined ? `choose one of: ${names.join(', ')}` : `did you mean SMOKE_SUITE=${nearest}?`,
    )
  }
  // Its own imports are relative to where it really is.
  const file = realpathSync(join(root, 'suites', name, suiteFile))
  const module = (await import(/* @vite-ignore */ pathToFileURL(file).href)) as { default?: AnySuite }
  if (!module.default) throw new UsageError(`${file} has no default export`, 'end it with `export default suite({ ... })`')
  return module.default
}
