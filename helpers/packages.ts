import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { PrerequisiteError } from '../harness/errors.ts'

/** The node_modules of this checkout of clone-smoke: a stack's packages can come from there, so that a run needs no network. */
export function packagesFolder(): string {
  return dirname(dirname(createRequire(import.meta.url).resolve('pm2/package.json')))
}

/** The file of pm2, to be run with Node. @throws PrerequisiteError */
export function pm2Program(): string {
  let manifest: string
  try {
    manifest = createRequire(import.meta.url).resolve('pm2/package.json')
  } catch {
    throw new PrerequisiteError('pm2 is not installed', 'npm ci')
  }
  return join(dirname(manifest), 'bin', 'pm2')
}

/** The version of an installed package. @throws Error when it is not installed */
export function versionOf(packageName: string): string {
  const file = join(packagesFolder(), packageName, 'package.json')
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(file, 'utf8'))).version
}
