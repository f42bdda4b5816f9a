import { expect, test } from 'vitest'
import { reproduceCommand } from './finish.ts'

test.each([
  [{}, 'SMOKE_KEEP=failed npx vitest run a.smoke'],
  [{ SMOKE_SUITE: 'mine', SMOKE_KEEP: 'always', SMOKE_WORKSPACE: '/x', SMOKE_SANDBOX_ID: 'i', PATH: '/bin' }, 'SMOKE_SUITE=mine SMOKE_KEEP=failed npx vitest run a.smoke'],
  [{ SMOKE_SOURCE_STACK: '/repo#main', SMOKE_AGENT_BIN: "/it's here" }, "SMOKE_SOURCE_STACK=/repo#main SMOKE_AGENT_BIN='/it'\\''s here' SMOKE_KEEP=failed npx vitest run a.smoke"],
])('%j is repeated as it was', (env, command) => {
  expect(reproduceCommand('a', env)).toBe(command)
})
