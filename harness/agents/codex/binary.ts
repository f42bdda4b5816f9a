import { accessSync, constants, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join, resolve } from 'node:path'
import { PrerequisiteError } from '../../errors.ts'

/** Where to look; the defaults are this package's dependencies and the user's PATH. */
export interface CodexPlaces {
  /** A file (or file URL) whose `node_modules` may hold `@openai/codex`. */
  readonly from?: string | undefined
  readonly path?: string | undefined
  /** Node's name of the machine, e.g. `x64`. */
  readonly arch?: string | undefined
}

const remedy = 'npm install --save-dev @openai/codex   (or set SMOKE_AGENT_BIN to a codex of your own)'

/**
 * Finds the Codex to run: `explicit` as given, else the native binary of the installed `@openai/codex`, else `codex` on
 * PATH. The npm launcher is replaced by its native binary: killed, the launcher leaves the binary running.
 * @throws PrerequisiteError when there is none, or `explicit` cannot be run
 */
export function resolveCodex(explicit?: string, places: CodexPlaces = {}): string {
  const { from = import.meta.url, path = process.env.PATH ?? '', arch = process.arch } = places
  if (explicit !== undefined) {
    const file = resolve(explicit)
    if (!isExecutable(file)) {
      throw new PrerequisiteError(`the Codex at ${file} ${exists(file) ? 'is not an executable file' : 'does not exist'}`, 'correct the path, or leave it out to use the installed @openai/codex')
    }
    return file
  }
  const root = packageRoot(createRequire(from), '@openai/codex')
  const native = root === undefined ? undefined : nativeBinary(root, arch)
  if (native !== undefined) return native
  for (const folder of path.split(delimiter)) {
    const file = join(folder, 'codex')
    if (folder !== '' && isExecutable(file)) return nativeOfLauncher(file, arch) ?? file
  }
  throw new PrerequisiteError(
    root === undefined
      ? 'no Codex CLI: @openai/codex is not installed and no `codex` is on PATH'
      : `no Codex CLI: ${root} holds no binary for linux ${arch} (npm leaves it out with --omit=optional) and no \`codex\` is on PATH`,
    remedy,
  )
}

/** Up to 0.98 one package holds all platforms; from 0.100 on each has a package of its own. */
function nativeBinary(root: string, arch: string): string | undefined {
  const platform = packageRoot(createRequire(join(root, 'package.json')), `@openai/codex-linux-${arch}`)
  const cpu = { x64: 'x86_64', arm64: 'aarch64' }[arch]
  if (cpu === undefined) return undefined
  for (const folder of [platform, root]) {
    if (folder === undefined) continue
    for (const path of listFiles(join(folder, 'vendor'))) {
      // The folder of the binary changed twice; its triple, its name and its size did not.
      if (path.includes(`/${cpu}-unknown-linux-`) && path.endsWith('/codex') && statSync(path).size > 1_000_000 && isExecutable(path)) return path
    }
  }
  return undefined
}

function nativeOfLauncher(file: string, arch: string): string | undefined {
  const root = dirname(dirname(realpathSync(file)))
  try {
    const { name } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { name?: unknown }
    return name === '@openai/codex' ? nativeBinary(root, arch) : undefined
  } catch {
    return undefined
  }
}

function packageRoot(require: NodeJS.Require, name: string): string | undefined {
  try {
    return dirname(realpathSync(require.resolve(`${name}/package.json`)))
  } catch {
    return undefined
  }
}

function listFiles(folder: string): string[] {
  if (!exists(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

const exists = (file: string): boolean => statSync(file, { throwIfNoEntry: false }) !== undefined

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}
