// Answers questions about itself as the real Codex does, so that a stand-in below is asked to run a session.
import { spawnSync } from 'node:child_process'

export function answerAsCodex() {
  const args = process.argv.slice(2)
  if (!args.includes('--version') && !args.includes('--help')) return
  const { status } = spawnSync(process.env.REAL_CODEX, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  process.exit(status ?? 1)
}

export const say = (event) => console.log(JSON.stringify(event))
