import { expect, test } from 'vitest'
import { asTyped } from './as-typed.ts'

const typed = JSON.stringify({ SMOKE_WORKSPACE: '--workspace', SMOKE_REUSE: '--reuse', SMOKE_PORT_PROXY: '--port proxy', SMOKE_KEEP: '--keep' })

test.each([
  { text: 'SMOKE_WORKSPACE is not a directory: /a', flags: '--workspace is not a directory: /a' },
  { text: 'SMOKE_REUSE=1 goes on; SMOKE_FORCE=1 does not', flags: '--reuse goes on; SMOKE_FORCE=1 does not' },
  { text: 'ask for another one: SMOKE_PORT_PROXY=4000, or none', flags: 'ask for another one: --port proxy=4000, or none' },
  { text: 'keep it (SMOKE_KEEP=always)', flags: 'keep it (--keep always)' },
  { text: 'SMOKE_WORKSPACES is another word', flags: 'SMOKE_WORKSPACES is another word' },
])('$text', ({ text, flags }) => {
  expect(asTyped(text, typed)).toBe(flags)
  expect(asTyped(text, undefined)).toBe(text)
})
