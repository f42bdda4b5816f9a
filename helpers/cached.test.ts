import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startCallers, type Callers } from '../harness/sandbox/fixtures/callers.ts'
import { keyOf, madeOnce } from './cached.ts'

let folder: string
let callers: Callers | undefined
beforeEach(() => { folder = mkdtempSync(join(tmpdir(), 'cached-')) })
afterEach(async () => {
  await callers?.end()
  callers = undefined
  rmSync(folder, { recursive: true, force: true })
})

const make = (directory: string): Promise<void> => { writeFileSync(join(directory, 'file'), directory); return Promise.resolve() }
const never = (): Promise<void> => Promise.reject(new Error('made again'))

test('what is made once is found by the next; what failed is not there', async () => {
  const key = keyOf(['a', 'b'])
  expect(key).not.toBe(keyOf(['ab']))
  await expect(madeOnce(folder, key, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
  expect(readdirSync(folder)).toEqual([])
  expect(await madeOnce(folder, key, make)).toEqual({ directory: join(folder, key), found: false })
  expect(await madeOnce(folder, key, never)).toEqual({ directory: join(folder, key), found: true })
})

test('of several processes that make the same at a time, all use what the first has made', async () => {
  const cache = join(folder, 'cache')
  callers = await startCallers(3, '../../helpers/fixtures/make-together.ts', 'makeTogether', [cache, 'key', 3])
  const answers = await callers.call()
  expect(answers.map(({ result }) => (result as { found: boolean }).found).toSorted()).toEqual([false, true, true])
  expect(readdirSync(join(folder, 'cache-began')), 'all were at it').toHaveLength(3)
  expect(readdirSync(cache), 'one whole entry and the link to it').toHaveLength(2)
  expect(readFileSync(join(cache, 'key', 'file'), 'utf8')).toBe('whole')
})

test('a link that leads nowhere is made anew, and what a killed run left goes after a day', async () => {
  const old = new Date(Date.now() - 25 * 3_600_000)
  symlinkSync('key.gone', join(folder, 'key'))
  for (const name of ['key.killed', 'key.young', 'other.shown']) mkdirSync(join(folder, name))
  symlinkSync('other.shown', join(folder, 'other'))
  for (const name of ['key.killed', 'other.shown']) utimesSync(join(folder, name), old, old)
  expect(await madeOnce(folder, 'key', make)).toMatchObject({ found: false })
  expect(readFileSync(join(folder, 'key', 'file'), 'utf8')).toMatch(/\/key\.[0-9a-f]{8}$/)
  expect(readdirSync(folder).filter((name) => !/^key\.[0-9a-f]{8}$/.test(name)).toSorted()).toEqual(['key', 'key.young', 'other', 'other.shown'])
})
