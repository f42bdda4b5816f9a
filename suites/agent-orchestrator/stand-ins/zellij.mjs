// A program that answers the zellij commands AO uses, over the real tmux: zellij has no Debian package.
// Started by zellij.sh, which answers the rest. Usage: zellij.mjs <directory> <zellij arguments>. Each session has a tmux server of its own, so that a pane inherits
// the environment of whoever made it, as with zellij. The directory is the namespace.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [directory, ...args] = process.argv.slice(2)
mkdirSync(directory, { recursive: true })

// A session's name may be longer than a socket's path can be.
const plain = (name) => join(directory, createHash('sha256').update(name).digest('hex').slice(0, 10))
const tmux = (name, tmuxArgs, options = {}) => {
  const env = { ...process.env }
  delete env.TMUX
  delete env.TMUX_PANE
  return spawnSync('tmux', ['-f', '/dev/null', '-S', `${plain(name)}.s`, ...tmuxArgs], { encoding: 'utf8', env, ...options })
}
const alive = (name) => {
  try {
    process.kill(Number(readFileSync(`${plain(name)}.name`, 'utf8').split('\n')[1]), 0)
    return true
  } catch {
    return false
  }
}
const say = (text) => { process.stdout.write(`${text}\n`) }
const refuse = (text, code = 1) => {
  process.stderr.write(`${text}\n`)
  process.exit(code)
}
const optionOf = (name, from = args) => from.includes(name) ? from[from.indexOf(name) + 1] : undefined

/** A Go string literal: JSON, but for a few escapes. */
const unquote = (literal) => JSON.parse(literal.replace(/\\(\\|x[0-9a-f]{2}|a|v|U[0-9a-f]{8})/g, (all, escape) => {
  if (escape === '\\') return all
  if (escape === 'a') return '\\u0007'
  if (escape === 'v') return '\\u000b'
  return escape[0] === 'x' ? `\\u00${escape.slice(1)}` : JSON.stringify(String.fromCodePoint(parseInt(escape.slice(1), 16))).slice(1, -1)
}))

function readLayout(file) {
  const text = readFileSync(file, 'utf8')
  const literals = (line) => (line.match(/"(?:[^"\\]|\\.)*"/g) ?? []).map(unquote)
  const line = (pattern) => text.split('\n').find((one) => pattern.test(one)) ?? ''
  const pane = line(/^\s*pane /)
  return { cwd: literals(line(/^\s*cwd /))[0], command: unquote(/command=("(?:[^"\\]|\\.)*")/.exec(pane)[1]), args: literals(line(/^\s*args /)) }
}

function create(name, layoutFile) {
  if (existsSync(join(directory, 'broken'))) refuse('this stand-in for zellij was told to fail')
  if (alive(name)) refuse(`Session with name "${name}" already exists.`)
  const { cwd, command, args: commandArgs } = readLayout(layoutFile)
  // Where a command has ended zellij keeps its pane, and the session.
  const made = tmux(name, ['start-server', ';', 'set-option', '-g', 'remain-on-exit', 'on', ';', 'new-session', '-d', '-P', '-F', '#{pid}', '-s', 'main', '-x', '220', '-y', '50', '-c', cwd, '--', command, ...commandArgs])
  if (made.status !== 0) refuse(`tmux could not make the session: ${made.stderr}`)
  writeFileSync(`${plain(name)}.name`, `${name}\n${made.stdout.trim()}\n`)
}

function end(name, verb) {
  // AO reads the words: the two commands have their own, and exit codes.
  if (!alive(name) && verb === 'delete-session') refuse(`Session: "${name}" not found.`, 2)
  if (!alive(name)) refuse(`No session named "${name}" found.`)
  tmux(name, ['kill-server'])
  rmSync(`${plain(name)}.name`, { force: true })
}

function act(name, [action, ...rest]) {
  if (!alive(name)) refuse(`There is no active session named "${name}"!`)
  // zellij keeps such a pane, and gives what is typed to nobody.
  const dead = action !== 'dump-screen' && tmux(name, ['display-message', '-p', '-t', 'main', '#{pane_dead}']).stdout.trim() === '1'
  if (dead) return
  const words = rest.filter((word, index) => word !== '--pane-id' && rest[index - 1] !== '--pane-id')
  if (action === 'paste' || action === 'write-chars') {
    tmux(name, ['load-buffer', '-b', `chunk-${process.pid}`, '-'], { input: words.join(' ') })
    tmux(name, ['paste-buffer', '-d', '-b', `chunk-${process.pid}`, '-t', 'main'])
  } else if (action === 'send-keys') tmux(name, ['send-keys', '-t', 'main', ...words])
  else if (action === 'dump-screen') say(tmux(name, ['capture-pane', '-p', '-S', '-', '-t', 'main']).stdout)
  else refuse(`this stand-in for zellij does not know the action ${action}`, 2)
}

if (args[0] === 'kill-session' || args[0] === 'delete-session') end(args.slice(1).find((word) => !word.startsWith('-')), args[0])
else if (args[0] === 'attach') {
  const name = args.slice(1).find((word) => !word.startsWith('-'))
  const layout = optionOf('--default-layout')
  if (args.includes('--create-background')) create(name, layout)
  else process.exit(tmux(name, ['attach', '-t', 'main'], { stdio: 'inherit' }).status ?? 1)
} else if (optionOf('--session') !== undefined) act(optionOf('--session'), args.slice(args.indexOf('action') + 1))
else refuse(`this stand-in for zellij does not know ${args.join(' ')}`, 2)
