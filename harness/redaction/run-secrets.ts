import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { secretsInEnvironmentFile, secretsInLogin, type Secret } from './secrets.ts'

/** A file that is no bigger can be one of secrets. Bytes. */
const largestFile = 256 * 1024

/**
 * Where a run's secrets turn up: the environment files that the suite names, every `.env*` in the workspace and in the
 * directories right below it, and the logins of agents.
 * @param places.logins files such as an agent's auth.json
 * @returns what to ask for them; a file that has not changed is not read again
 */
export function lookForSecrets(places: { readonly root: string; readonly environmentFiles: readonly string[]; readonly logins: readonly string[] }): () => Secret[] {
  const { root, environmentFiles, logins } = places
  const known = new Map<string, { readonly stamp: string; readonly secrets: readonly Secret[] }>()
  const read = (file: string, find: () => Secret[]): readonly Secret[] => {
    const stat = statSync(file, { throwIfNoEntry: false })
    if (stat?.isFile() !== true || stat.size > largestFile) return []
    const stamp = `${stat.ino} ${stat.size} ${stat.mtimeMs}`
    const before = known.get(file)
    if (before?.stamp === stamp) return before.secrets
    const secrets = find()
    known.set(file, { stamp, secrets })
    return secrets
  }
  return () => {
    const files = new Set([...environmentFiles, ...environmentFilesIn(root)])
    return [
      ...[...files].flatMap((file) => read(file, () => secretsInEnvironmentFile(file, root))),
      ...logins.flatMap((file) => read(file, () => secretsInLogin(file, file.split('/').at(-1) ?? file))),
    ]
  }
}

function environmentFilesIn(root: string): string[] {
  const entries = readdirSync(root, { withFileTypes: true })
  const folders = [root, ...entries.filter((entry) => entry.isDirectory()).map(({ name }) => join(root, name))]
  return folders.flatMap((folder) => namesIn(folder).filter((name) => name.startsWith('.env')).map((name) => join(folder, name)))
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}
