import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkOptions } from './options.ts'

test.each([
  { aoBin: tmpdir(), says: 'is no file' }, { aoBin: join(tmpdir(), 'nowhere', 'ao'), says: 'does not exist' },
])('a program that $says is refused', ({ aoBin, says }) => {
  expect(() => { checkOptions({ aoBin, zellij: 'auto' }) }).toThrow(`SMOKE_AO_BIN=${JSON.stringify(aoBin)} ${says}`)
})

test('a program that is a file is taken, and none is needed', () => {
  expect(() => { checkOptions({ aoBin: process.execPath, zellij: 'auto' }) }).not.toThrow()
  expect(() => { checkOptions({ zellij: 'auto' }) }).not.toThrow()
})
