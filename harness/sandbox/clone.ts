import { cpSync, existsSync } from 'node:fs'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Checkout, KnownSource, RunRequest, Source } from '../suite.ts'
import { UsageError } from '../errors.ts'
import { familyVariable } from '../options/definitions.ts'
import { fail, verdictOf } from '../verdict.ts'

type Run = (request: RunRequest) => Promise<string>

/** Fixed identity and time: the same files give the same commit id in every run. */
const fixedIdentity = {
  GIT_AUTHOR_NAME: 'clone-smoke', GIT_AUTHOR_EMAIL: 'clone-smoke@localhost', GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_NAME: 'clone-smoke', GIT_COMMITTER_EMAIL: 'clone-smoke@localhost', GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
}

/**
 * Where a source comes from in this run: the suite's own place, or `asked` (SMOKE_SOURCE_*), at `ref` (SMOKE_REF_*).
 * @param name what the suite calls it
 * @throws UsageError when no place is known, a local path is not there, or a ref is asked of a folder, or twice
 */
export function effectiveSource(own: Source, asked: string | undefined, ref: string | undefined, name: string): KnownSource {
  const source = asked === undefined ? own : parseSource(asked)
  if (source.kind === 'asked') {
    throw new UsageError(`the source "${name}" is not known here: this suite needs ${source.what}`, `name it: ${familyVariable('sources', name)}=/path/or/url or --source ${name}=/path/or/url, with #ref for a branch, tag or commit`)
  }
  if (source.kind === 'git' && !source.url.includes(':') && !existsSync(source.url)) {
    throw new UsageError(`the source ${source.url} does not exist here (looked for ${resolve(source.url)})`, 'name a directory, or a URL that git understands')
  }
  if (ref === undefined) return source
  if (source.kind === 'folder') throw new UsageError(`the source is a folder of files and has no ref ${JSON.stringify(ref)}`, 'name a repository with SMOKE_SOURCE_<NAME>=/path/or/url as well')
  if (asked !== undefined && source.ref !== undefined && source.ref !== ref) throw new UsageError(`two refs are asked for: ${source.ref} after the # and ${ref}`, 'leave one of them out')
  return { ...source, ref }
}

/** A source as a reader knows it: a folder of the project by its path in it, not by the repository that was made of it. */
export function shownSource(source: KnownSource, asked: string | undefined, project: string): string {
  if (asked !== undefined) return asked
  if (source.kind === 'git') return source.url
  const inside = relative(project, source.folder)
  return inside.startsWith('..') || isAbsolute(inside) ? source.folder : inside
}

/** Splits `/path/or/url#ref`. */
export function parseSource(text: string): KnownSource {
  const [url = '', ref] = text.split('#')
  return ref === undefined || ref === '' ? { kind: 'git', url } : { kind: 'git', url, ref }
}

/** A branch of the origin, a tag or a commit of the clone; else whatever the origin knows by that name. */
async function commitOf(ref: string, git: (args: readonly string[]) => Promise<string>): Promise<string> {
  for (const candidate of [`refs/remotes/origin/${ref}`, ref]) {
    const found = await git(['rev-parse', '--verify', '--quiet', `${candidate}^{commit}`]).catch(() => '')
    if (found.trim() !== '') return found.trim()
  }
  try {
    await git(['fetch', '--quiet', 'origin', ref])
    return 'FETCH_HEAD'
  } catch (error) {
    throw fail('clone', `the source has no branch, tag or commit called ${JSON.stringify(ref)}`, { evidence: verdictOf(error).evidence, cause: error })
  }
}

/** Clones a source into `<workspace>/<name>`; a folder first becomes a repository in `<workspace>/sources/<name>`. */
export async function cloneSource(name: string, source: KnownSource, workspace: string, run: Run): Promise<Checkout> {
  const git = (args: readonly string[], cwd: string, env: Record<string, string> = {}): Promise<string> =>
    run({ name: `clone-${name}`, file: 'git', args, cwd, env })
  const path = join(workspace, name)
  let url: string
  if (source.kind === 'folder') {
    const repository = join(workspace, 'sources', name)
    cpSync(source.folder, repository, { recursive: true, verbatimSymlinks: true, filter: (from) => !from.endsWith('/node_modules') })
    await git(['init', '--quiet', '--initial-branch=main'], repository)
    await git(['add', '--all'], repository)
    await git(['commit', '--quiet', '--message', `${name} as of this checkout of clone-smoke`], repository, fixedIdentity)
    url = pathToFileURL(repository).href
  } else {
    url = source.url
  }
  await git(['clone', '--quiet', url, path], workspace)
  if (source.kind === 'git' && source.ref !== undefined) {
    await git(['checkout', '--quiet', '--detach', await commitOf(source.ref, (args) => git(args, path))], path)
  }
  const commit = (await git(['rev-parse', 'HEAD'], path)).trim()
  return { path, commit, from: url }
}
