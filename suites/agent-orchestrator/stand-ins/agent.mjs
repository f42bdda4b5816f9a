// Stands where a coding agent would be started and writes down what reaches it, one JSON object a line.
// Usage: agent.mjs <name> <log> <the agent's own arguments>. A line `!hook <event> <json>` on its input makes it run the
// hooks that are configured for that event in its directory, as the agent would.
import { spawnSync } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [name, log, ...argv] = process.argv.slice(2)
if (argv[0] === '--version' || argv[0] === 'version' || argv[0] === '-v') {
  process.stdout.write(`9.9.9 (stand-in for ${name})\n`)
  process.exit(0)
}
const write = (event) => { appendFileSync(log, `${JSON.stringify({ at: Date.now(), agent: name, pid: process.pid, session: process.env.AO_SESSION_ID ?? '', ...event })}\n`) }
const env = Object.fromEntries(Object.entries(process.env).filter(([key]) => key.startsWith('AO_') || key === 'PATH' || key === 'HOME'))

const hookFiles = ['.claude/settings.local.json', '.codex/hooks.json', '.qwen/settings.json']
function runHooks(event, payload) {
  for (const file of hookFiles.map((path) => join(process.cwd(), path)).filter((path) => existsSync(path))) {
    for (const entry of JSON.parse(readFileSync(file, 'utf8')).hooks?.[event] ?? []) {
      for (const { command } of entry.hooks ?? []) {
        const { status, stderr } = spawnSync('/bin/sh', ['-c', command], { input: payload, encoding: 'utf8' })
        write({ event: 'hook', command, status, stderr })
      }
    }
  }
}

for (const signal of ['SIGHUP', 'SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    write({ event: 'signal', signal })
    process.exit(0)
  })
}
// As agents do: otherwise the terminal cuts long lines and swallows control characters.
if (process.stdin.isTTY) process.stdin.setRawMode(true)
process.stdin.setEncoding('utf8')
process.stdout.write(`stand-in for ${name} is ready\r\n`)
let rest = ''
process.stdin.on('data', (text) => {
  const lines = (rest + text).split(/[\r\n]/)
  rest = lines.pop() ?? ''
  for (const line of lines) {
    write({ event: 'line', text: line })
    process.stdout.write(`received: ${line.slice(0, 200)}\r\n`)
    const hook = /^!hook (\w+) ?(.*)$/.exec(line)
    if (hook) runHooks(hook[1], hook[2] || '{}')
  }
})
// A terminal that is taken away is an error to read.
for (const event of ['end', 'error']) process.stdin.on(event, () => {
  write({ event: 'end-of-input' })
  process.exit(0)
})
// Last: whoever sees it may write to it, or end it, at once.
write({ event: 'started', argv, cwd: process.cwd(), env })
