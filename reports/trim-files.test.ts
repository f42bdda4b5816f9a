import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { trimFiles } from './trim-files.ts'

let results = ''
beforeEach(() => { results = mkdtempSync(join(tmpdir(), 'trim-')) })
afterEach(() => { rmSync(results, { recursive: true, force: true }) })

test('long files keep their ends, short ones are not touched', () => {
  mkdirSync(join(results, 'logs/deep'), { recursive: true })
  writeFileSync(join(results, 'logs/deep/long.log'), `first${'x'.repeat(5000)}last`)
  writeFileSync(join(results, 'logs/short.log'), 'short')
  expect(trimFiles(results, ['logs'], 1000)).toEqual([])
  expect(readFileSync(join(results, 'logs/deep/long.log'), 'utf8')).toMatch(/^firstx+\n\.\.\. 4009 bytes left out: .* \.\.\.\nx+last$/)
  expect(readFileSync(join(results, 'logs/short.log'), 'utf8')).toBe('short')
  expect(existsSync(join(results, 'logs/deep/long.log.new'))).toBe(false)
})

test('a link is not followed, and folders that are missing cost nothing', () => {
  const outside = join(results, 'outside.log')
  writeFileSync(outside, 'x'.repeat(5000))
  mkdirSync(join(results, 'logs'))
  symlinkSync(outside, join(results, 'logs/link.log'))
  symlinkSync(results, join(results, 'logs/loop'))
  expect(trimFiles(results, ['transcripts', 'logs'], 1000)).toEqual([])
  expect(statSync(outside).size).toBe(5000)
})
