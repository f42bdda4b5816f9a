// Stands where GitHub's `gh` would be found, in a state that a test chooses, and writes down how it was called.
//   node gh.mjs <directory> <gh's own arguments>
// <directory>/state.json: { "state": "token" | "empty" | "fails", "token", "url" }; <directory>/calls.jsonl: one line a call.
import { appendFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [directory, ...args] = process.argv.slice(2)
const { state, token, url } = JSON.parse(readFileSync(join(directory, 'state.json'), 'utf8'))

/** What gh says without a login, for any command that needs one. */
const loggedOut = { stderr: 'To get started with GitHub CLI, please run:  gh auth login\nAlternatively, populate the GH_TOKEN environment variable with a GitHub API authentication token.', exitCode: 4 }

function answer() {
  const command = args.join(' ')
  if (command === '--version' || command === 'version') return { stdout: 'gh version 2.83.0 (stand-in)' }
  if (command === 'auth token' || command === 'auth token --hostname github.com') {
    if (state === 'fails') return { stderr: 'no oauth token found for github.com', exitCode: 1 }
    return { stdout: state === 'empty' ? undefined : token }
  }
  if (command === 'auth status') return state === 'token' ? { stdout: 'github.com\n  ✓ Logged in to github.com account octocat' } : { stderr: 'You are not logged into any GitHub hosts. To log in, run: gh auth login', exitCode: 1 }
  if (command === 'repo view --json url -q .url') {
    if (state === 'fails') return loggedOut
    return state === 'empty' ? {} : url === undefined ? { stderr: 'no git remotes found', exitCode: 1 } : { stdout: url }
  }
  return { stderr: `unknown command ${JSON.stringify(command)} for this stand-in of gh`, exitCode: 1, unknown: true }
}

const { stdout, stderr, exitCode = 0, unknown = false } = answer()
appendFileSync(join(directory, 'calls.jsonl'), `${JSON.stringify({ at: new Date().toISOString(), args, cwd: process.cwd(), state, exitCode, unknown })}\n`)
if (stdout !== undefined) process.stdout.write(`${stdout}\n`)
if (stderr !== undefined) process.stderr.write(`${stderr}\n`)
process.exitCode = exitCode
