import { expect, test } from 'vitest'
import { goOnCommand } from '../harness/go-on.ts'
import { redacted, reproduceCommand } from './finish.ts'

test.each([
  [{}, 'SMOKE_KEEP=failed npx vitest run a.smoke'],
  [{ SMOKE_SUITE: 'mine', SMOKE_KEEP: 'always', SMOKE_WORKSPACE: '/x', SMOKE_SANDBOX_ID: 'i', PATH: '/bin' }, 'SMOKE_SUITE=mine SMOKE_KEEP=failed npx vitest run a.smoke'],
  [{ SMOKE_SOURCE_STACK: '/repo#main', SMOKE_AGENT_BIN: "/it's here" }, "SMOKE_SOURCE_STACK=/repo#main SMOKE_AGENT_BIN='/it'\\''s here' SMOKE_KEEP=failed npx vitest run a.smoke"],
])('%j is repeated as it was', (env, command) => {
  expect(reproduceCommand('a', env)).toBe(command)
})

test.each([(env: NodeJS.ProcessEnv) => reproduceCommand('a', env), (env: NodeJS.ProcessEnv) => goOnCommand('/w', env, ['smoke'])])('a command to type holds no password of a source', (command) => {
  expect(redacted(command({ SMOKE_SOURCE_STACK: 'https://me:pl4nted-w0rd@host/repo#main' }))).toContain('SMOKE_SOURCE_STACK=https://me:[redacted password]@host/repo')
})
