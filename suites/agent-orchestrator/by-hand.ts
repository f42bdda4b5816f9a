/** How something that a daemon has was made: lines of a shell, and what they need to be there. */
export interface Made {
  readonly lines: readonly string[]
  readonly uses: readonly string[]
}

/** What was done to a daemon: a line of a shell that does it again. */
export interface Deed {
  readonly line: string
  readonly uses: readonly string[]
  /** It stands before all that is made, in place of an earlier one: how the daemon was started. */
  readonly first?: boolean
  /** What comes after it may need it: it changed something. */
  kept: boolean
  /** What it made, e.g. `ws-1`; others find it in what was made. */
  makes?: string
}

/** The lines that do again what was done last, with all that it needs; of what went before at most eight deeds, and how the daemon was started. */
export function linesOf(deeds: readonly Deed[], made: ReadonlyMap<string, Made>): string {
  const last = deeds.at(-1)
  const lines: string[] = []
  const done = new Set<string>()
  const add = (uses: readonly string[]): void => {
    for (const use of uses.filter((one) => !done.has(one))) {
      done.add(use)
      const how = made.get(use)
      if (!how) continue
      add(how.uses)
      lines.push(...how.lines)
    }
  }
  const start = deeds.findLast((one) => one.first)
  const others = deeds.filter((one) => one.first !== true && (one.kept || one === last)).slice(-9)
  for (const deed of start === undefined ? others : [start, ...others]) {
    if (deed === last && deed.makes !== undefined) done.add(deed.makes)
    add(deed.uses)
    if (deed.makes !== undefined && deed !== last) add([deed.makes])
    else lines.push(deed.line)
  }
  return lines.join('\n')
}

/** The shell's variable that has the id of a session: another daemon may give another. */
export const variableOf = (id: string): string => `$${id.replaceAll(/\W/g, '_')}`

/** A line that keeps the id of the session that `line` makes. */
export const keepsId = (id: string, line: string): string => `${variableOf(id).slice(1)}=$(${line.startsWith('ao ') ? `${line} | sed -n 's/^spawned session \\([^ ]*\\).*/\\1/p'` : `${line.replace('curl -i', 'curl -s')} | grep -o '"id":"[^"]*' | head -1 | cut -d'"' -f4`})`

interface Piece {
  readonly kind: 'text' | 'here' | 'run'
  readonly text: string
}

/** Takes apart what stands for itself, the directory of the daemon, and long runs of one character. */
function piecesOf(text: string, root: string): Piece[] {
  const pieces: Piece[] = []
  const special = new RegExp(`${root.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}(?:/r)?(?=/|$|")|(.)\\1{99}`, 'gs')
  let from = 0
  for (let found = special.exec(text); found; found = special.exec(text)) {
    let end = found.index + found[0].length
    // Not by the expression: it would run out of stack with megabytes.
    while (found[1] !== undefined && text[end] === found[1]) end += 1
    pieces.push({ kind: 'text', text: text.slice(from, found.index) }, { kind: found[1] === undefined ? 'here' : 'run', text: text.slice(found.index, end) })
    special.lastIndex = from = end
  }
  return [...pieces, { kind: 'text', text: text.slice(from) } as const].filter((piece) => piece.text !== '')
}

const run = (text: string): string => `head -c ${text.length} /dev/zero | tr '\\0' '${text[0] ?? ''}'`
const literal = (text: string): string => /^[\w./:@=,-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
const inWord = ({ kind, text }: Piece): string => kind === 'here' ? '"$PWD"' : kind === 'run' ? `"$(${run(text)})"` : literal(text)

/** A text as one word of a shell; `root` is the daemon's directory, for which the shell's own one stands. */
export const quoted = (text: string, root = '\0'): string => text === '' ? `''` : piecesOf(text, root).map(inWord).join('')

/** More would not be one word of a command: Linux takes 128 KiB. */
const longestWord = 100_000

/** A call of curl. `path` begins after the port; `headers` are those that matter. */
export function curl(method: string, path: string, headers: Readonly<Record<string, string>>, body: string | undefined, root: string): string {
  const url = path.replaceAll(/(.)\1{99,}/gs, (all) => `$(${run(all)})`)
  const words = [
    'curl -i', ...(method === 'GET' ? [] : [`-X ${method}`]),
    // Otherwise curl takes them out, as a browser does.
    ...(/\/\.\.?(?:\/|$)/.test(path) ? ['--path-as-is'] : []),
    ...Object.entries(headers).map(([name, value]) => `-H ${quoted(`${name}: ${value}`, root)}`),
  ]
  const long = body !== undefined && body.length > longestWord
  const line = [...words, ...(body === undefined ? [] : [long ? '--data-binary @-' : `-d ${quoted(body, root)}`]), `"http://127.0.0.1:$AO_PORT${url}"`].join(' ')
  return long ? `{ ${piecesOf(body, root).map((piece) => piece.kind === 'run' ? `${run(piece.text)};` : `printf %s ${inWord(piece)};`).join(' ')} } | ${line}` : line
}

/** A call of AO's command line; `known` gives the variable of a word that is an id. */
export const aoLine = (args: readonly string[], env: Readonly<Record<string, string>>, input: string, root: string, known: (word: string) => string | undefined): string => [
  ...(input === '' ? [] : [`printf %s ${quoted(input, root)} |`]), ...Object.entries(env).map(([name, value]) => `${name}=${known(value) ?? quoted(value, root)}`), 'ao', ...args.map((word) => known(word) ?? quoted(word, root)),
].join(' ')

/**
 * A command of the program that AO keeps its sessions in, e.g. `kill-session`, for a session where one is named. AO keeps those of
 * zellij where no other looks.
 */
export const inTerminals = (kind: 'zellij' | 'tmux', command: string, session?: string): string =>
  kind === 'zellij' ? `ZELLIJ_SOCKET_DIR=/tmp/ao-zellij-$(id -u) zellij ${command}${session === undefined ? '' : ` ${variableOf(session)}`}` : `tmux ${command}${session === undefined ? '' : ` -t "=${variableOf(session)}"`}`

/** Ends the agent of a session as a crash does. It is the youngest of those in its worktree: the others wait for it. */
export const killsAgent = (session: string, project = 'ws'): string =>
  `kill -9 "$(for p in /proc/[0-9]*; do [ "$p/cwd" -ef "$AO_DATA_DIR/worktrees/${project}/${variableOf(session)}" ] && echo "\${p#/proc/}"; done | sort -n | tail -1)"`
