// Answers questions about itself as the real Codex does, so that a stand-in below is asked to run a session.
import { spawn, spawnSync } from 'node:child_process'
import { createInterface } from 'node:readline'

/** @param alter what becomes of the help text */
export function answerAsCodex(alter = (text) => text) {
  const args = process.argv.slice(2)
  if (!args.includes('--version') && !args.includes('--help')) return
  const { status, stdout } = spawnSync(process.env.REAL_CODEX, args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
  process.stdout.write(args.includes('--help') ? alter(stdout) : stdout)
  process.exit(status ?? 1)
}

export const say = (event) => console.log(JSON.stringify(event))

/** Lets the real Codex play the session, and hands its events on as `tell` would have them: a text, or nothing. */
export async function playSession(tell) {
  const child = spawn(process.env.REAL_CODEX, process.argv.slice(2), { stdio: ['ignore', 'pipe', 'inherit'] })
  const passOn = (signal) => child.kill(signal)
  for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, passOn)
  const ended = new Promise((resolve) => child.once('exit', (code, signal) => {
    for (const name of ['SIGTERM', 'SIGINT']) process.off(name, passOn)
    resolve(signal === null ? code : 1)
  }))
  for await (const line of createInterface({ input: child.stdout })) process.stdout.write(tell(line) ?? '')
  process.exitCode = await ended
}
