import { expect, test } from 'vitest'
import type { Capabilities } from './capabilities.ts'
import { expectedFindings } from './expected.ts'

const can = (schema: number, more: Partial<Capabilities> = {}): Capabilities => ({ terminal: 'zellij', routes: [], schema, ...more })
const dirty = '7.1 hooks of claude-code are in the worktree'
const dash = '5.1 send keeps a leading dash'

test.each([
  { version: "the runbook's", facts: can(7), step: dirty, id: 'worktree-dirty', how: false },
  { version: 'the last before it was mended', facts: can(10), step: dirty, id: 'worktree-dirty', how: false },
  { version: 'the one that mended it', facts: can(10, { tellsSkipped: true }), step: dirty, id: 'worktree-dirty', how: undefined },
  { version: 'one between two that give it', facts: can(8), step: dirty, id: 'worktree-dirty', how: true },
  { version: 'one long after it was mended', facts: can(16, { tellsSkipped: true }), step: dirty, id: 'worktree-dirty', how: undefined },
  { version: 'the last with zellij', facts: can(19), step: dash, id: 'send', how: undefined },
  { version: 'the first with tmux', facts: can(19, { terminal: 'tmux' }), step: dash, id: 'send', how: false },
  { version: 'one that is younger than all', facts: can(25, { terminal: 'tmux' }), step: dash, id: 'send', how: true },
  { version: 'one whose schema is not known', facts: can(0), step: dash, id: 'send', how: true },
  { version: 'the last that sends control characters', facts: can(13, { tellsSkipped: true }), step: '6.2 a red pull request is told to the agent once', id: 'control-characters', how: false },
  { version: 'the one that takes them out', facts: can(19), step: '6.2 a red pull request is told to the agent once', id: 'control-characters', how: undefined },
  { version: "another commit of the runbook's age", facts: can(7), commit: 'c343c55c343c55', step: dirty, id: 'worktree-dirty', how: true },
  { version: "the runbook's commit", facts: can(7), commit: 'b13f413aaaaaa', step: dirty, id: 'worktree-dirty', how: false },
])('of $version: $id is expected sometimes: $how', ({ facts, commit, step, id, how }: { facts: Capabilities; commit?: string; step: string; id: string; how: boolean | undefined }) => {
  expect(expectedFindings({ can: facts, ...(commit !== undefined && { commit }) }).find((one) => one.step === step && one.id === id)?.sometimes).toBe(how)
})

test('nothing is expected before anything is known, and nothing twice', () => {
  expect(expectedFindings({})).toEqual([])
  const keys = expectedFindings({ can: can(0) }).map(({ step, id }) => `${step}|${id}`)
  expect(keys.toSorted()).toEqual([...new Set(keys)].toSorted())
})
