import { lstatSync, readdirSync, readlinkSync, type BigIntStats } from 'node:fs'
import { homedir } from 'node:os'
import { join, sep } from 'node:path'

/** State of each path that was looked at, as text; make one with `snapshotHost`, read two with `compareHost`. */
export type HostSnapshot = ReadonlyMap<string, string>

/** What lstat tells of a path that only a change alters; times of reading are left out. */
interface State {
  readonly type: 'file' | 'directory' | 'link' | 'other' | 'absent' | 'unreadable'
  /** Where it is one of the paths that were asked for. */
  readonly asked?: true
  readonly mode?: string
  readonly size?: string
  /** Nanoseconds. */
  readonly modified?: string
  readonly inode?: string
  readonly target?: string
  /** Why it, or what is in it, could not be seen. */
  readonly problem?: string
  /** It holds more than is looked at: only its own entries are in the snapshot. */
  readonly tooLarge?: true
}

/**
 * State of files and directories (recursive, lstat only: never content, and no link is followed).
 * @param options.most entries below one path; of a larger one only its own entries are looked at, at most as many
 */
export function snapshotHost(paths: readonly string[], { most = 20_000 }: { most?: number } = {}): HostSnapshot {
  const snapshot = new Map<string, State>()
  for (const path of paths) {
    const raw = Buffer.from(path)
    const top: State = { ...stateOf(raw), asked: true }
    if (top.type !== 'directory') {
      snapshot.set(path, top)
      continue
    }
    const all = walk(raw, most, true)
    const entries = all ?? walk(raw, most, false) ?? new Map<string, State>()
    const own = entries.get(path)
    for (const [name, state] of entries) if (name !== path && snapshot.get(name)?.asked !== true) snapshot.set(name, state)
    snapshot.set(path, { ...top, ...(own?.problem !== undefined && { problem: own.problem }), ...(all === undefined && { tooLarge: true }) })
  }
  return new Map([...snapshot].map(([path, state]) => [path, JSON.stringify(state)]))
}

/**
 * What differs, one sentence each, in the order of the paths: `~/x was changed (size 3 -> 9)`, `was made`, `was removed`.
 * What could be seen in only one of the two is not compared.
 */
export function compareHost(before: HostSnapshot, after: HostSnapshot): string[] {
  const paths = [...new Set([...before.keys(), ...after.keys()])].toSorted()
  const stateIn = (snapshot: HostSnapshot, path: string): State => {
    const text = snapshot.get(path)
    return text === undefined ? { type: 'absent' } : JSON.parse(text) as State
  }
  const states = new Map(paths.map((path) => [path, { was: stateIn(before, path), is: stateIn(after, path) }]))
  const withNews = new Set<string>()
  const sentences: { readonly path: string; readonly text: string }[] = []
  // Deepest first: a directory whose entries are told is not told again for its time of change.
  for (const path of paths.toReversed()) {
    const { was, is } = states.get(path) ?? { was: { type: 'absent' }, is: { type: 'absent' } }
    if (isHidden(path, states)) continue
    const text = difference(was, is, withNews.has(path))
    if (text === undefined) continue
    sentences.push({ path, text })
    withNews.add(parentOf(path))
  }
  return sentences.toReversed()
    // Of a tree that came or went as a whole, its root is enough.
    .filter(({ path, text }) => !(text === 'was made' || text === 'was removed') || !cameWith(path, states, text))
    .map(({ path, text }) => `${shortened(path)} ${text}`)
}

/** True below a directory that could not be looked into, or not so deep, in one of the snapshots. */
function isHidden(path: string, states: ReadonlyMap<string, { was: State; is: State }>): boolean {
  let depth = 0
  for (let above = path; above !== parentOf(above);) {
    above = parentOf(above)
    depth += 1
    for (const state of Object.values(states.get(above) ?? {})) {
      if (state.problem !== undefined) return true
      if (state.tooLarge === true && depth > 1 && states.get(path)?.was.asked !== true) return true
    }
  }
  return false
}

function cameWith(path: string, states: ReadonlyMap<string, { was: State; is: State }>, text: string): boolean {
  const above = states.get(parentOf(path))
  if (above === undefined) return false
  return text === 'was made'
    ? above.was.type === 'absent' && above.is.type === 'directory'
    : above.is.type === 'absent' && above.was.type === 'directory'
}

function difference(was: State, is: State, entriesAreTold: boolean): string | undefined {
  if (was.type === 'absent' && is.type === 'absent') return undefined
  if (was.type === 'absent') return is.type === 'unreadable' ? `cannot be read any more (${is.problem ?? ''})` : 'was made'
  if (is.type === 'absent') return 'was removed'
  const changes: string[] = []
  const tell = (what: string, one: string | undefined, other: string | undefined): void => {
    if (one !== other) changes.push(`${what} ${one ?? 'unknown'} -> ${other ?? 'unknown'}`)
  }
  tell('type', was.type, is.type)
  if (was.problem !== is.problem) changes.push(is.problem === undefined ? 'readable now' : `cannot be read any more: ${is.problem}`)
  if (was.type === is.type) {
    tell('mode', was.mode, is.mode)
    tell('target', was.target, is.target)
    if (was.type === 'file') tell('size', was.size, is.size)
    if (was.inode !== is.inode) changes.push('replaced by another')
    const isDirectory = was.type === 'directory'
    if (changes.length === 0 && was.modified !== is.modified && !(isDirectory && entriesAreTold)) {
      changes.push(isDirectory ? 'something in it came and went' : `written ${timeOf(is.modified)}`)
    }
  }
  return changes.length === 0 ? undefined : `was changed (${changes.join(', ')})`
}

/** Everything below a directory; undefined when there is more than `most` and all was asked for. */
function walk(top: Buffer, most: number, deep: boolean): Map<string, State> | undefined {
  const found = new Map<string, State>()
  const open: { readonly path: Buffer; readonly state: State }[] = [{ path: top, state: { type: 'directory' } }]
  let count = 0
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { names, problem } = entriesOf(next.path)
    if (problem !== undefined) found.set(nameOf(next.path), { ...next.state, problem })
    for (const name of deep ? names : names.slice(0, most)) {
      count += 1
      if (count > most) return undefined
      const path = Buffer.concat([next.path, Buffer.from(sep), name])
      const state = stateOf(path)
      // It vanished since the directory was read: then it is as if it had vanished before.
      if (state.type === 'absent') continue
      found.set(nameOf(path), state)
      if (deep && state.type === 'directory') open.push({ path, state })
    }
  }
  return found
}

function entriesOf(directory: Buffer): { names: readonly Buffer[]; problem?: string } {
  try {
    return { names: readdirSync(directory, { encoding: 'buffer' }).toSorted((one, other) => Buffer.compare(one, other)) }
  } catch (error) {
    const code = codeOf(error)
    return isAbsent(code) ? { names: [] } : { names: [], problem: code }
  }
}

function stateOf(path: Buffer): State {
  try {
    const stat = lstatSync(path, { bigint: true })
    const type = typeOf(stat)
    return {
      type, mode: (stat.mode & 0o7777n).toString(8), size: String(stat.size), modified: String(stat.mtimeNs), inode: String(stat.ino),
      ...(type === 'link' && { target: readlinkSync(path) }),
    }
  } catch (error) {
    const code = codeOf(error)
    return isAbsent(code) ? { type: 'absent' } : { type: 'unreadable', problem: code }
  }
}

function typeOf(stat: BigIntStats): State['type'] {
  if (stat.isFile()) return 'file'
  if (stat.isDirectory()) return 'directory'
  return stat.isSymbolicLink() ? 'link' : 'other'
}

/** A name that is no UTF-8 is told byte by byte, so that two such names stay two. */
function nameOf(path: Buffer): string {
  const text = path.toString('utf8')
  return Buffer.from(text).equals(path) ? text : path.toString('latin1')
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf(sep), 0))
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error)
}

/** EINVAL: it was a link a moment ago. */
function isAbsent(code: string): boolean {
  return ['ENOENT', 'ENOTDIR', 'EINVAL'].includes(code)
}

function timeOf(nanoseconds: string | undefined): string {
  const date = new Date(Number(BigInt(nanoseconds ?? '0') / 1_000_000n))
  return Number.isNaN(date.getTime()) ? 'at another time' : date.toISOString()
}

function shortened(path: string): string {
  const home = homedir()
  return home.length > 1 && (path === home || path.startsWith(home + sep)) ? `~${path.slice(home.length)}` : path
}

/**
 * Settings in a home that a run would spoil if its isolation failed. Only what the user's own programs leave alone while
 * they work: no histories, sessions, logs and caches, and no file in which a program keeps its state beside its settings.
 */
export function defaultHostPaths(home: string): readonly string[] {
  return [
    // git
    '.gitconfig', '.config/git', '.git-credentials',
    // npm and its kin
    '.npmrc', '.yarnrc', '.yarnrc.yml', '.config/pnpm/rc', '.config/yarn/config',
    // pm2: the marks of a daemon of this home that began or ended, and its saved list; not its logs and pids
    '.pm2/touch', '.pm2/pm2.pid', '.pm2/rpc.sock', '.pm2/pub.sock', '.pm2/dump.pm2', '.pm2/module_conf.json',
    // Codex: settings and login; it writes all else in its home while it runs
    '.codex/config.toml', '.codex/AGENTS.md', '.codex/prompts',
    // other agents' settings
    '.claude/settings.json', '.claude/CLAUDE.md', '.gemini/settings.json', '.cursor/mcp.json',
    // Python, Go, Rust
    '.config/pip', '.pip', '.pypirc', '.config/uv', '.config/go/env', '.cargo/config.toml', '.cargo/credentials.toml',
    // shells, logins, and what starts by itself; not known_hosts, which ssh writes
    '.profile', '.bash_profile', '.bashrc', '.zshrc', '.zprofile', '.zshenv', '.netrc',
    '.ssh/config', '.ssh/authorized_keys', '.docker/config.json', '.config/systemd/user', '.config/autostart',
  ].map((path) => join(home, path))
}
