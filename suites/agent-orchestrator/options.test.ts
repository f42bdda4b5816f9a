import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkOptions } from './options.ts'

test.each([
  { aoBin: tmpdir(), says: 'is no file' }, { aoBin: join(tmpdir(), 'nowhere', 'ao'), says: 'does not exist' },
])('a program that $says is refused', ({ aoBin, says }) => {
  expect(() => { checkOptions({ aoBin, zellij: 'auto' }) }).toThrow(`SMOKE_AO_BIN=${JSON.stringify(aoBin)} ${says}`)
})

test.each([
  { what: 'a text', mode: 0o755, content: 'hello\n', says: 'is no program: it begins with "hell"' },
  { what: 'nothing', mode: 0o755, content: '', says: 'is no program: it begins with ""' },
  { what: 'a script that may not be run', mode: 0o644, content: '#!/bin/sh\ntouch made\n', says: 'is no program' },
  { what: 'a script', mode: 0o755, content: '#!/bin/sh\n', says: undefined },
  { what: 'a program without its mode', mode: 0o644, content: '\u007fELF', says: undefined },
])('a file with $what, mode $mode: $says', ({ mode, content, says }) => {
  const folder = mkdtempSync(join(tmpdir(), 'ao-'))
  try {
    const aoBin = join(folder, 'ao')
    writeFileSync(aoBin, content, { mode })
    const check = (): void => { checkOptions({ aoBin, zellij: 'auto' }) }
    if (says === undefined) expect(check).not.toThrow()
    else expect(check).toThrow(`SMOKE_AO_BIN=${JSON.stringify(aoBin)} ${says}`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a program that is a file is taken, and none is needed', () => {
  expect(() => { checkOptions({ aoBin: process.execPath, zellij: 'auto' }) }).not.toThrow()
  expect(() => { checkOptions({ zellij: 'auto' }) }).not.toThrow()
})
