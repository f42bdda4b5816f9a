import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { askGit, type GitQuestion } from './ask-git.ts'
import type { Marker } from './marker.ts'

export type WorkspaceSource = Marker['sources'][string]

export interface Freshness {
  /** How the checkout differs from its source, both commits named; absent when it does not. */
  readonly behind?: string
  /** Why it could not be told. */
  readonly note?: string
}

/** How long a source may take to answer. Milliseconds. */
const answerMs = 15_000

/**
 * Is the checkout of a source still what a new clone would be? Neither the source nor the workspace is written to.
 * @param root the workspace, where a folder's own repository is (clone.ts)
 * @param env the environment of the sandbox: the clone was made with the same
 */
export async function compareWithSource(
  name: string, source: WorkspaceSource, { root, env }: { readonly root: string; readonly env: Readonly<Record<string, string>> },
): Promise<Freshness> {
  const question = { cwd: root, env, boundMs: answerMs }
  return source.kind === 'folder' ? compareFolder(name, source, question) : compareRemote(name, source, question)
}

async function compareRemote(name: string, { from, ref, commit }: WorkspaceSource, question: GitQuestion): Promise<Freshness> {
  // A commit does not move.
  if (ref !== undefined && /^[0-9a-f]{7,40}$/i.test(ref) && commit.startsWith(ref.toLowerCase())) return {}
  const where = ref === undefined ? from : `${from}#${ref}`
  if (ref !== undefined && /^[0-9a-f]{40}$/i.test(ref)) return { behind: `${name} is at ${commit}, and ${where} was asked for` }
  const { out, problem } = await askGit(['ls-remote', '--', from, ...(ref === undefined ? ['HEAD'] : [ref, `${ref}^{}`])], question)
  if (out === undefined) return { note: `whether ${name} is outdated cannot be told: ${where} does not answer (${problem ?? '?'})` }
  const now = commitIn(out, ref)
  if (now === undefined) return { note: `whether ${name} is outdated cannot be told: ${from} has no ${ref === undefined ? 'HEAD' : `branch or tag called ${JSON.stringify(ref)}`}` }
  return now === commit ? {} : { behind: `${name} is at ${commit}, and ${where} at ${now}` }
}

/** The commit that a clone would take (clone.ts): a branch before a tag, a tag's commit before the tag itself. */
function commitIn(listing: string, ref: string | undefined): string | undefined {
  const rows = new Map(listing.split('\n').map((line) => line.split('\t')).map(([commit = '', name = '']) => [name, commit]))
  const names = ref === undefined ? ['HEAD'] : [`refs/heads/${ref}`, `refs/tags/${ref}^{}`, `refs/tags/${ref}`, `${ref}^{}`, ref]
  return names.map((name) => rows.get(name)).find((commit) => commit !== undefined)
}

/** The folder's files against the repository that was made of them: what was changed, added or removed since. */
async function compareFolder(name: string, { from, commit }: WorkspaceSource, question: GitQuestion): Promise<Freshness> {
  const repository = join(question.cwd, 'sources', name, '.git')
  const missing = [from, repository].find((path) => !existsSync(path))
  if (missing !== undefined) return { note: `whether ${name} is outdated cannot be told: ${missing} is gone` }
  const { out, problem } = await askGit([
    `--git-dir=${repository}`, `--work-tree=${from}`, 'status', '--porcelain', '-z', '--no-renames', '--untracked-files=all',
    '--', '.', ':(exclude,glob)**/node_modules', ':(exclude,glob)**/node_modules/**',
  ], { ...question, cwd: from })
  if (out === undefined) return { note: `whether ${name} is outdated cannot be told: ${from} cannot be compared (${problem ?? '?'})` }
  const changed = out.split('\0').filter((line) => line !== '').map((line) => line.slice(3))
  if (changed.length === 0) return {}
  const more = changed.length > 5 ? ` and ${changed.length - 5} more` : ''
  return { behind: `${name} is at ${commit}, and ${from} has changed since: ${changed.slice(0, 5).join(', ')}${more}` }
}
